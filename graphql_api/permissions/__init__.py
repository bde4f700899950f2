"""Who may do what: one table, what holds the schema to it, and its documentation."""
