"""What is known of users, beside what they do."""

import pandas as pd
from pandas.api.types import is_numeric_dtype


def with_attributes(events: pd.DataFrame, users: pd.DataFrame | None) -> pd.DataFrame:
    """Events with the attributes of their users beside them; a name that the events have too gets `_of_user`.

    Args:
        users: index: user id; None for a log without a users table.
    """
    if users is None:
        return events
    users = users.rename(columns={name: f"{name}_of_user" for name in users.columns.intersection(events.columns)})
    missing = {name: "" for name in users.columns if not is_numeric_dtype(users[name])}
    return events.join(users, on="user").fillna(missing)
