"""Components that write texts, and that say how expected each word is."""
