"""Where the data of a shopper are: one table of every collection and every key, which export and erasure follow."""
