"""The reader: answers to questions, found in a text."""
