"""Classes of documents and of entities."""
