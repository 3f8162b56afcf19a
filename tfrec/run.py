"""`python -m tfrec.run +experiment=...`: composes a configuration, runs it, and leaves a run folder behind."""

import os
import sys

import hydra

from tfrec import failures
from tfrec.folders import conf_folder
from tfrec.job import job
from tfrec.launchers import explained

command_line = hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")(job)


def main() -> None:
    """Runs the command line; exits with 1 if a run failed, and says which did."""
    failed = failures.listen()
    wanted = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises what it would print, so that a sentence can stand for it
    said = []
    try:
        command_line()
    except Exception as error:
        # A search of which no run finished ends with an error of the sweeper: the runs have said why.
        sentence = explained(error) or (f"error: {type(error).__name__}: {error}" if failed else None)
        if wanted or sentence is None:
            raise
        said.append(sentence)
    if failed:
        said.append(f"failed: {', '.join(failed)}")
    if said:
        sys.exit("\n".join(said))


if __name__ == "__main__":
    main()
