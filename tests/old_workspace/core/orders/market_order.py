"""Orders were files, too; strategies still list them"""


class MarketOrder:
    def __init__(self, side, size):
        self.side = side
        self.size = size
