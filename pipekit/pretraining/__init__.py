"""Learning from raw text: texts as pieces, objectives, the loop."""
