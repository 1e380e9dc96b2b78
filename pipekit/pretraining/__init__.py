"""Learning from raw text: texts as pieces on disk, objectives, and the loop that trains an encoder by them."""
