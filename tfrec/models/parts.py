"""Which parts of `TwoTower` go together: a sentence for those that do not."""

from tfrec.errors import require
from tfrec.tasks.loss import InBatchSoftmax


def require_options(dim: int, dropout: float, id_dropout: float, new_items: str) -> None:
    """Raises InputError for a value out of its range."""
    require(dim >= 1, f"model.dim is {dim}: choose 1 or more.")
    require(0 <= dropout < 1, f"model.dropout is {dropout}: choose from 0 to below 1.")
    require(0 <= id_dropout < 1, f"model.id_dropout is {id_dropout}: choose from 0 to below 1.")
    known = new_items in ("text", "neighbours", "mean", "zero")
    require(known, f"model.new_items is '{new_items}': choose text, neighbours, mean or zero.")


def require_texts(encoder, ids: bool, new_items: str, history_length: int) -> None:
    """Raises InputError if something needs texts of an encoder, or of one that does not train, and has none."""
    require(
        ids or encoder is not None,
        "model.ids=false leaves an item its text, which encoder=none does not read: choose an encoder, or "
        "model.ids=true.",
    )
    require(
        not ids or new_items not in ("text", "neighbours") or encoder is not None,
        f"model.new_items={new_items} needs an encoder: choose one, or model.new_items=mean.",
    )
    require(
        ids or not history_length or not encoder.trainable_weights,
        "model.ids=false reads the texts of histories, too many to encode in a step: choose "
        "peft=frozen, or model.features.history_length=0.",
    )


def require_layers(loss, history, history_length: int, fusion, ids: bool, id_dropout: float) -> None:
    """Raises InputError if a layer or a loss (None: the default one) is not for this model."""
    task = "retrieval" if loss is None else getattr(loss, "task", None)
    require(
        task == "retrieval",
        f"model/loss={type(loss).__name__} is a loss of {task}, and model=two_tower learns retrieval: choose another "
        "model/loss, such as in_batch_softmax, or another model.",
    )
    needs = () if history is None else history.needs
    require(
        bool(history_length) or not needs,
        f"model.history needs {' and '.join(needs)}, which model.features.history_length=0 does not give: choose "
        "model.features.history_length=1 or more, or model/history=mean.",
    )
    require(
        ids or fusion is None or not fusion.weighs,
        "model/fusion=gated weighs ids against texts, and model.ids=false leaves the ids out: choose "
        "model/fusion=sum or mlp, or model.ids=true.",
    )
    require(
        ids or not id_dropout,
        f"model.id_dropout={id_dropout} drops ids, which model.ids=false leaves out: choose one of them.",
    )


def require_repeat(repeat, loss) -> None:
    """Raises InputError if what is explored is not learned as `Mix` scores it."""
    require(
        repeat is None or type(loss) is InBatchSoftmax,
        f"model/repeat=mix learns what is explored by model/loss=in_batch_softmax, and model/loss is "
        f"{type(loss).__name__}: choose model/loss=in_batch_softmax, or model/repeat=none.",
    )
    require(
        repeat is None or repeat.popularity == 0 or loss.log_q == "none",
        f"model.repeat.popularity adds what model.loss.log_q={getattr(loss, 'log_q', None)} has left in already: "
        "choose model.loss.log_q=none, or model.repeat.popularity=0.",
    )


def require_content(content: int, fusion, id_dropout: float) -> None:
    """Raises InputError if items have nothing beside an id, where something asks for it.

    Args:
        content: how many parts beside the id an item has.
    """
    asks = "model/fusion=gated weighs" if fusion.weighs else f"model.id_dropout={id_dropout} drops"
    require(
        content > 0 or not (fusion.weighs or id_dropout),
        f"{asks} ids where items have more than an id, and encoder=none with this item table gives no more: choose "
        f"an encoder, or {'model/fusion=sum' if fusion.weighs else 'model.id_dropout=0'}.",
    )
