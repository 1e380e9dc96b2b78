"""The parts that pipekit itself brings, in the form of entry points: name -> "module:object". Data only, nothing is imported here."""

DISTRIBUTION = "pipekit-nlp"

PARTS: dict[str, dict[str, str]] = {
    "pipekit_tokenizers": {
        "ru": "pipekit.tokenizers.rules:RuleTokenizer",
        "whitespace": "pipekit.tokenizers.rules:WhitespaceTokenizer",
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
    },
    "pipekit_components": {
        "embeddings": "pipekit.components.embeddings:Embeddings",
        "tagger": "pipekit.components.tagger:Tagger",
        "classifier": "pipekit.components.classifier:Classifier",
        "entity_sentiment": "pipekit.components.entity_sentiment:EntitySentiment",
        "tfidf": "pipekit.components.tfidf:Tfidf",
        "qa": "pipekit.components.reader:Reader",
        "relations": "pipekit.components.relations:RelationExtractor",
        "ner": "pipekit.components.ner:EntityRecognizer",
        "span_ner": "pipekit.components.span_ner:SpanRecognizer",
    },
    "pipekit_readers": {
        "conllu": "pipekit.training.readers:read_conllu",
        "iob": "pipekit.training.readers:read_iob",
        "jsonl": "pipekit.training.readers:read_jsonl",
        "brat": "pipekit.training.readers:read_brat",
        "factrueval": "pipekit.training.readers:read_factrueval",
        "text": "pipekit.training.readers:read_text",
        "csv": "pipekit.training.readers.table:read_table",
        "squad": "pipekit.training.readers.squad:read_squad",
    },
}
