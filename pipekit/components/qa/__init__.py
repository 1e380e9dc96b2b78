"""What the reader is made of: the words of questions found again in a text, and the network that reads around them."""
