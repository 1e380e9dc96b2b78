"""Components: each reads layers and writes layers, and knows no other."""
