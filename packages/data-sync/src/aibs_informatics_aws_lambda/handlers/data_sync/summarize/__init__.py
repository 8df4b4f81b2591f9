"""The results of batches, added up."""
