"""How good a pipeline is: metrics against gold documents."""
