"""Summary of the results of batches."""
