"""Rows of the evaluation protocol on Complete Journey, periods 26 to 51: how close we must come, and what is published.

Published with the protocol, rounded to four digits, for independent implementations.
"""

COLUMNS = ("all/ndcg@10", "repeat/ndcg@10", "novel/ndcg@10", "all/recall@10", "all/recall@100", "novel/recall@100")
ROWS = {
    "popularity": (5e-4, (0.1266, 0.2241, 0.0198, 0.0687, 0.1722, 0.0760)),
    "popularity_last": (5e-4, (0.1234, 0.2238, 0.0204, 0.0671, 0.1696, 0.0786)),
    "own_items": (5e-4, (0.2791, 0.3697, 0.0198, 0.1464, 0.3423, 0.0760)),
    "own_items_insertion": (5e-4, (0.2707, 0.3559, 0.0198, 0.1403, 0.3203, 0.0760)),
    "decayed_frequency": (5e-4, (0.2895, 0.3811, 0.0198, 0.1514, 0.3397, 0.0760)),
    "decayed_share": (5e-4, (0.2935, 0.3879, 0.0198, 0.1545, 0.3447, 0.0760)),
    "decayed_share_tuned": (5e-4, (0.2919, 0.3878, 0.0198, 0.1545, 0.3500, 0.0760)),
    "decayed_share_monthly": (5e-4, (0.2857, 0.3769, 0.0194, 0.1492, 0.3321, 0.0731)),
    "decayed_share_frozen": (5e-4, (0.2417, 0.3184, 0.0183, 0.1249, 0.2818, 0.0692)),
    "tifu_knn": (5e-4, (0.2880, 0.3809, 0.0190, 0.1517, 0.3460, 0.0695)),
    "als": (3e-3, (0.1433, 0.2150, 0.0233, 0.0878, 0.2506, 0.0841)),
    # its recipe is not known in full, see experiments/baselines
    "item_knn": (4e-3, (0.1293, 0.1996, 0.0224, 0.0706, 0.1990, 0.0771)),
}
