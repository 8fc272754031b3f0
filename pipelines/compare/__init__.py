"""The comparison: read from MLflow, shown as a table and a page."""
