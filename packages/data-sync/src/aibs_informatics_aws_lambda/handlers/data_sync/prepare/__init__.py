"""Preparation of batches: a sync split into parts of limited size."""
