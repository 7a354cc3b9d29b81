"""What several indicators of this workspace need"""


def price(data, source):
    """One of the price columns, or a mean of some"""
    means = {'hl2': ['high', 'low'], 'hlc3': ['high', 'low', 'close'], 'ohlc4': ['open', 'high', 'low', 'close']}
    if source in means:
        return sum(data[column] for column in means[source]) / len(means[source])
    return data[source]
