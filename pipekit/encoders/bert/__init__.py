"""The encoder of the BERT family: its members as data, their network, published checkpoints."""
