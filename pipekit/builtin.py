"""The parts that pipekit itself brings, in the form of entry points: name -> "module:object". Data only, nothing is imported here."""

DISTRIBUTION = "pipekit-nlp"

PARTS: dict[str, dict[str, str]] = {
    "pipekit_tokenizers": {
        "ru": "pipekit.tokenizers.rules:RuleTokenizer",
        "whitespace": "pipekit.tokenizers.rules:WhitespaceTokenizer",
    },
    "pipekit_encoders": {
        "bilstm": "pipekit.encoders.recurrent:BiLSTM",
        "gru": "pipekit.encoders.recurrent:GRU",
        "transformer": "pipekit.encoders.transformer:Transformer",
        "bert": "pipekit.encoders.bert:Bert",
    },
    "pipekit_components": {
        "tagger": "pipekit.components.tagger:Tagger",
    },
    "pipekit_readers": {
        "conllu": "pipekit.training.readers:read_conllu",
        "iob": "pipekit.training.readers:read_iob",
        "jsonl": "pipekit.training.readers:read_jsonl",
        "brat": "pipekit.training.readers:read_brat",
        "text": "pipekit.training.readers:read_text",
    },
}
