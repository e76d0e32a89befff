"""Random changes to training cells, a draw of its own for every row of every epoch."""
