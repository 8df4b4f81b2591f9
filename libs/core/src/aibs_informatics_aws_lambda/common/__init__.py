"""The typed base of AWS Lambda handlers: models, executors, handlers, input and output."""
