"""How users answer to what they are shown."""

import numpy as np
import pandas as pd

from tfrec.errors import InputError, require


class Effects:
    """Weights of a probability `sigmoid(bias + sum of weight * term)`, for a user, an item, a period and a query.

    Args:
        bias: of the logit.
        taste: of `sqrt(dim) * <taste, vector>`, about standard normal over items.
        relevance: of `2 * rel(query, item) - 1` in a search; 0 elsewhere.
        appeal: of what all like about the item, standard normal.
        season: of `cos(2 pi * (day of the year / 365.25 - phase of the department))`.
        price: of `log(price / level of the category)`; below 0, or dear items would sell better.
        promotion: of 1 while on promotion.
    """

    def __init__(
        self,
        bias: float,
        taste: float,
        relevance: float,
        appeal: float,
        season: float,
        price: float,
        promotion: float,
    ) -> None:
        self.bias, self.taste, self.relevance, self.appeal = bias, taste, relevance, appeal
        self.season, self.price, self.promotion = season, price, promotion

    def items(self, appeal, season, price, promotion) -> np.ndarray:
        """The part of the logit that is the item's and the period's, `[items]`."""
        return (
            self.bias
            + self.appeal * appeal
            + self.season * season
            + self.price * price
            + self.promotion * np.asarray(promotion, float)
        )

    def probability(self, items, match, relevance) -> np.ndarray:
        """`sigmoid` of the whole logit; relevance counts as above, 0 without a query; shapes broadcast."""
        return 1 / (1 + np.exp(-(items + self.taste * match + self.relevance * relevance)))


class Feedback:
    """`P(click) = position ** -eta * pCTR`, `P(purchase | click) = pCVR`, then errors in the labels, then delay.

    A row's label is known when it can no longer change. Without a click it is known at once; with a purchase, when
    the purchase arrives: after a delay that is exponential with mean `delay`, cut off at `window`; with a click and
    no purchase, only when the window has passed, because until then a purchase may still arrive.

    Args:
        click, purchase: of pCTR and pCVR.
        eta: 0 examines every position.
        click_noise, purchase_noise: share of the recorded labels that say the opposite, each independently (so a
            noisy log can have a purchase without a click; for `known` the recorded label counts).
        delay: such as 1D; None makes every label known at once.
        window: the longest delay.
    """

    def __init__(
        self,
        click: Effects,
        purchase: Effects,
        eta: float = 1.0,
        click_noise: float = 0.0,
        purchase_noise: float = 0.0,
        delay: str | None = None,
        window: str = "7D",
    ) -> None:
        require(eta >= 0, f"feedback.eta is {eta}: choose 0 or more.")
        for key, value in {"click_noise": click_noise, "purchase_noise": purchase_noise}.items():
            require(0 <= value <= 1, f"feedback.{key} is {value}: choose a share from 0 to 1.")
        self.click, self.purchase, self.eta = click, purchase, eta
        self.click_noise, self.purchase_noise = click_noise, purchase_noise
        self.delay = None if delay is None else span("feedback.delay", delay)
        self.window = span("feedback.window", window)

    def examined(self, slate: int) -> np.ndarray:
        """Probability that each position is looked at, `[slate]`."""
        return np.arange(1, slate + 1) ** -float(self.eta)

    def answers(self, pctr: np.ndarray, pcvr: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Recorded clicks and purchases, 0 or 1, `[requests, slate]` each as the probabilities are."""
        looked, clicked, bought, wrong_click, wrong_purchase = rng.random((5, *pctr.shape))
        click = (looked < self.examined(pctr.shape[1])) & (clicked < pctr)
        purchase = click & (bought < pcvr)
        return (
            (click ^ (wrong_click < self.click_noise)).astype(np.int64),
            (purchase ^ (wrong_purchase < self.purchase_noise)).astype(np.int64),
        )

    def known(self, timestamp: np.ndarray, click: np.ndarray, purchase: np.ndarray, rng) -> np.ndarray:
        """When each row's label is known, datetime64[ns], in whole seconds after `timestamp`; shapes are equal."""
        if self.delay is None:
            return timestamp
        mean, longest = self.delay.total_seconds(), self.window.total_seconds()
        share = rng.random(purchase.shape)
        arrives = -mean * np.log1p(share * np.expm1(-longest / mean))  # inverse of the cut-off distribution function
        waited = np.where(purchase == 1, arrives, np.where(click == 1, longest, 0.0))
        return timestamp + waited.astype(np.int64).astype("timedelta64[s]")


def span(key: str, text: str) -> pd.Timedelta:
    """A time step of at least a second.

    Raises:
        InputError: it is not one; `key` says where it stands.
    """
    try:
        step = pd.Timedelta(text) if isinstance(text, str) else pd.NaT
    except ValueError:
        step = pd.NaT
    if pd.isna(step) or step < pd.Timedelta("1s"):
        raise InputError(f"{key} is '{text}': write a time step of a second or more, for example 7D or 12h.")
    return step
