"""Training: recipes, building, the loop. Only pretraining and the command line import it."""
