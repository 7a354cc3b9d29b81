"""Words that every room shares: time, candles, instruments, records, reasons."""
