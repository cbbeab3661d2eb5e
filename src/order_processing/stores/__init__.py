"""Where orders are kept: one contract, over SQLite or DynamoDB."""
