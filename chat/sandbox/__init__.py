"""The frames that show diagrams, drawings and pages of models: documents that have no origin and fetch nothing."""
