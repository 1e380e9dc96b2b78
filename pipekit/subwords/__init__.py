"""Words as pieces: learned vocabularies, and those that others have published."""
