"""A tiny copy of Complete Journey's files."""

import pandas as pd

PRODUCTS = {
    "product_id": [10, 20],
    "department": ["GROCERY", "DAIRY"],
    "brand": ["Private", "National"],
    "product_category": ["TEA/TEA MIX", None],
    "product_type": ["BLACK TEA", "MILK"],
    "package_size": ["12.5 OZ", "1 GAL"],
}
COLUMNS = ["spend", "quantity", "store", "discount", "coupon"]


def make_journey(folder):
    """Four purchases in weeks 1 to 3, three products of which 30 is not listed, promotions, coupons, households."""
    times = pd.to_datetime(["2017-01-01 12:00", "2017-01-02 06:00", "2017-01-08 12:00", "2017-01-09 05:00"])
    tables = {
        "transactions": {
            "household_id": [1, 2, 1, 2],
            "store_id": [330, 330, 331, 331],
            "product_id": [10, 20, 30, 10],
            "quantity": [1, 2, 1, 1],
            "sales_value": [0.5, 3.0, 1.0, 0.5],
            "retail_disc": [0.25, 0.0, 0.0, 0.0],
            "coupon_disc": [0.0, 1.0, 0.0, 0.0],
            "week": [1, 2, 2, 3],
            "transaction_timestamp": times,
        },
        "products": PRODUCTS,
        "promotions": {
            "product_id": [10, 10, 20, 99],
            "store_id": [330, 330, 330, 330],
            "display_location": ["3", "3", "0", "3"],
            "mailer_location": ["0", "0", "A", "A"],
            "week": [1, 2, 2, 2],
        },
        "coupons": {"coupon_upc": [1, 2], "product_id": [10, 20], "campaign_id": [1, 2]},
        "campaign_descriptions": {
            "campaign_id": [1, 2],
            "start_date": pd.to_datetime(["2016-12-20", "2017-01-10"]),
            "end_date": pd.to_datetime(["2017-01-04", "2017-01-20"]),
        },
        "demographics": {
            "household_id": ["1", "2"],
            "age": ["45-54", "65+"],
            "income": ["Under 15K", "250K+"],
            "home_ownership": ["Renter", None],
            "marital_status": ["Married", None],
            "household_size": ["2", "1"],
            "household_comp": ["2 Adults No Kids", "1 Adult No Kids"],
            "kids_count": ["0", "0"],
        },
    }
    for name, columns in tables.items():
        pd.DataFrame(columns).to_parquet(folder / f"{name}.parquet")
    return str(folder)
