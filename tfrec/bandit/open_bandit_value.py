"""`python -m tfrec.bandit.open_bandit_value`: Thompson sampling's value, from the log of random items."""

import argparse
import sys

import numpy as np
import yaml

from tfrec.bandit.bernoulli_ts import action_distribution
from tfrec.bandit.off_policy import PolicyValue, policy_value
from tfrec.data import open_bandit
from tfrec.data.published import dataset_file, dataset_folder
from tfrec.errors import InputError, require

POSITIONS = 3


def thompson_value(
    folder: str | None = None, campaign: str = "all", simulations: int = 100_000, seed: int = 12345
) -> PolicyValue:
    """Value of Bernoulli Thompson sampling, with the beliefs the shop started from, on the log of the random policy.

    For campaign `all` and the defaults, IPW over the observed click rate is 1.198126, the number published with the
    dataset (Saito et al. 2021).

    Args:
        folder: as of `tfrec.data.open_bandit.load`, with `prior_bts.yaml` in it.

    Raises:
        InputError: a missing file, or a campaign that it does not have.
    """
    events = open_bandit.load(folder, "random", campaign).events
    path = dataset_file(dataset_folder(open_bandit.NAME, folder), "prior_bts.yaml")
    prior = yaml.safe_load(path.read_text())
    require(campaign in prior, f"{path} has no campaign {campaign}.")
    alpha, beta = np.array(prior[campaign]["alpha"]), np.array(prior[campaign]["beta"])
    require(events["item"].max() < len(alpha), f"{path} has beliefs on {len(alpha)} items, fewer than the log shows.")
    shown = action_distribution(alpha, beta, POSITIONS, simulations, seed)
    probability = shown[events["item"], events["position"] - 1]
    return policy_value(events["click"], events["propensity"], probability)


def report(value: PolicyValue) -> str:
    """The estimates as lines, each also relative to what the log's policy earned."""
    lines = [f"rows {value.rows}, observed mean {value.observed:.6f}"]
    for name, estimate, interval in (
        ("IPW", value.ipw, value.ipw_interval),
        ("self-normalised IPW", value.snipw, value.snipw_interval),
    ):
        low, high = interval
        relative = f", over observed {estimate / value.observed:.6f}" if value.observed else ""
        lines.append(f"{name} {estimate:.6f}, 95 % interval {low:.6f} to {high:.6f}{relative}")
    return "\n".join([*lines, f"effective sample size {value.effective_sample_size:.1f}"])


def main(arguments: list[str] | None = None) -> None:
    """The command line; exits with 1 and a sentence if the data is not there."""
    parser = argparse.ArgumentParser(
        prog="python -m tfrec.bandit.open_bandit_value",
        description="Value of Bernoulli Thompson sampling, estimated from the Open Bandit Dataset's random log.",
    )
    parser.add_argument("--folder", help="of the dataset; default: what python -m tfrec.data.fetch open_bandit fetched")
    parser.add_argument("--campaign", default="all", choices=open_bandit.CAMPAIGNS)
    parser.add_argument("--simulations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=12345)
    try:
        print(report(thompson_value(**vars(parser.parse_args(arguments)))))
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
