"""Historical Access (OPC 10000-11): what HistoryRead answers from the store, and HistoryUpdate changes there."""
