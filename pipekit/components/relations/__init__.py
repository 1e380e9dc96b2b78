"""The relation extractor: links between entities."""
