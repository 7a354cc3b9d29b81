"""The command `sptrader-lab`, one file per group of commands."""
