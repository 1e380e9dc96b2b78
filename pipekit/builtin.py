"""The parts that pipekit itself brings, in the form of entry points: name -> "module:object".

Data only: nothing is imported here.
"""

DISTRIBUTION = "pipekit-nlp"
UPGRADE = "upgrade pipekit (in a clone: git pull, then pip install .)"  # no index has it
RELEASE = "0.3.0"  # the version of the code, which plugins may require

PARTS: dict[str, dict[str, str]] = {
    "pipekit_tokenizers": {
        "ru": "pipekit.tokenizers.rules:RuleTokenizer",
        "whitespace": "pipekit.tokenizers.rules:WhitespaceTokenizer",
        "letters": "pipekit.tokenizers.letters:LetterTokenizer",
    },
    "pipekit_encoders": {
        "bilstm": "pipekit.encoders.recurrent:LSTM",
        "lstm": "pipekit.encoders.recurrent:LSTM",
        "gru": "pipekit.encoders.recurrent:GRU",
        "rnn": "pipekit.encoders.recurrent:RNN",
        "mut1": "pipekit.encoders.recurrent:Mut1",
        "mut2": "pipekit.encoders.recurrent:Mut2",
        "mut3": "pipekit.encoders.recurrent:Mut3",
        "transformer": "pipekit.encoders.transformer:Transformer",
        "bert": "pipekit.encoders.bert.encoder:Bert",
        "causal": "pipekit.encoders.causal:Causal",
    },
    "pipekit_decoders": {
        "rnn": "pipekit.decoders.recurrent:RecurrentDecoder",
        "rnn_attention": "pipekit.decoders.recurrent:AttentiveDecoder",
        "transformer": "pipekit.decoders.transformer:TransformerDecoder",
        "causal": "pipekit.decoders.transformer:CausalDecoder",
    },
    "pipekit_components": {
        "embeddings": "pipekit.components.embeddings:Embeddings",
        "tagger": "pipekit.components.tagger.tagger:Tagger",
        "parser": "pipekit.components.parser.parser:Parser",
        "classifier": "pipekit.components.classes.classifier:Classifier",
        "entity_sentiment": "pipekit.components.classes.entity_sentiment:EntitySentiment",
        "tfidf": "pipekit.components.classes.tfidf:Tfidf",
        "qa": "pipekit.components.qa.answerer:QuestionAnswerer",
        "relations": "pipekit.components.relations.extractor:RelationExtractor",
        "entity_ruler": "pipekit.components.rulers.span_ruler:SpanRuler",
        "span_ruler": "pipekit.components.rulers.span_ruler:SpanRuler",
        "attribute_ruler": "pipekit.components.rulers.attribute_ruler:AttributeRuler",
        "values": "pipekit.components.values.values:ValueFinder",
        "ner": "pipekit.components.ner.ner:EntityRecognizer",
        "span_ner": "pipekit.components.ner.span_ner:SpanRecognizer",
        "seq2seq": "pipekit.components.generation.seq2seq:Seq2Seq",
        "lm": "pipekit.components.generation.language_model:LanguageModel",
    },
    "pipekit_readers": {
        "conllu": "pipekit.corpora.readers:read_conllu",
        "iob": "pipekit.corpora.readers:read_iob",
        "jsonl": "pipekit.corpora.readers:read_jsonl",
        "brat": "pipekit.corpora.readers:read_brat",
        "factrueval": "pipekit.corpora.readers:read_factrueval",
        "text": "pipekit.corpora.readers:read_text",
        "csv": "pipekit.corpora.readers.table:read_table",
        "squad": "pipekit.corpora.readers.squad:read_squad",
        "parallel": "pipekit.corpora.readers.parallel:read_parallel",
        "docs": "pipekit.corpora.readers.docs_file:read_docs_file",
        "doccano": "pipekit.corpora.readers.doccano:read_doccano",
        "label_studio": "pipekit.corpora.readers.label_studio:read_label_studio",
        "webanno": "pipekit.corpora.readers.webanno:read_webanno",
        "docbin": "pipekit.corpora.readers.docbin:read_docbin",
    },
}
