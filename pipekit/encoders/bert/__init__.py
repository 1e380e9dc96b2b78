"""The encoder of the BERT family: what its members are like, their network, and words read through it."""
