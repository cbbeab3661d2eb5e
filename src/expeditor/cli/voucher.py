"""``expeditor voucher``: look at vouchers, redeem and revoke them, give merchants their tokens."""

import hashlib
import os
from pathlib import Path

import click
import msgspec

from expeditor.cli.acting import actor_of, who_options
from expeditor.cli.clients import settings, shop, shop_operator
from expeditor.cli.output import CommandError, output_option, say, show, show_rows
from expeditor.ids import SystemIds

MERCHANTS_FILE = "merchants.json"
_COLUMNS = ("order_id", "number", "title", "merchant", "city", "code", "state", "standing", "redeemed_by")
_merchants = msgspec.json.Decoder(dict[str, dict[str, str]])


@click.group()
def command() -> None:
    """Look at vouchers, redeem and revoke them, give merchants their tokens."""


@command.command("show")
@click.argument("code_or_order_id")
@output_option
def show_(code_or_order_id: str, output: str) -> None:
    """Show the voucher with a code, or all of an order; of the code only its end."""
    name = "order_id" if _is_order_id(code_or_order_id) else "code"
    show_rows(shop_operator().post("vouchers/shown", {name: code_or_order_id}), _COLUMNS, output)


@command.command()
@click.argument("code")
@click.option("--token", envvar="EXPEDITOR_MERCHANT_TOKEN", required=True, help="The merchant's token.")
@click.option("--key", default="", help="Repeat with the same key to get the same redemption; a fresh one without it.")
@output_option
def redeem(code: str, token: str, key: str, output: str) -> None:
    """Use a voucher up, as its merchant would.

    \b
    Example:
      expeditor voucher redeem 7F3K-9QWX-2M4N-PRST --token mt_...
    """
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key or SystemIds().uuid()}
    show(shop().post("/vouchers/redemptions", {"code": code}, headers), output)


@command.command()
@click.argument("order_id")
@click.argument("number", type=click.IntRange(1, 100_000))
@who_options
def void(order_id: str, number: int, reason: str, actor: str | None) -> None:
    """Revoke one unused voucher of an order for good; money is refunded with `expeditor order refund`."""
    body = {"order_id": order_id, "number": str(number), "actor": actor_of(actor), "reason": reason}
    voided = shop_operator().post("vouchers/voids", body)
    say(f"voucher {number} of order {order_id} ({voided['code']}) is revoked")


@command.command("merchant-token")
@click.argument("merchant")
@click.option("--user", default="till", show_default=True, help="Who uses it there; each user has one token.")
@click.option("--revoke", is_flag=True, help="Take the token away instead; its sessions end at once.")
def merchant_token(merchant: str, user: str, revoke: bool) -> None:
    """Make a token for a merchant and print it, once: only its hash is kept. It replaces the user's former one.

    \b
    Examples:
      expeditor voucher merchant-token "Lumen Studio"
      expeditor voucher merchant-token "Lumen Studio, Austin" --user "till 2"
    """
    path = settings().home / "secrets" / MERCHANTS_FILE
    known = _read(path)
    users = known.setdefault(merchant, {})
    if revoke:
        if users.pop(user, None) is None:
            raise CommandError(f"{user} of {merchant} has no token; {path} lists who has")
        _write(path, {name: each for name, each in known.items() if each})
        say(f"the token of {user} of {merchant} is worth nothing any more")
        return
    token = f"mt_{SystemIds().seed().hex()}{SystemIds().seed().hex()}"
    users[user] = hashlib.sha256(token.encode()).hexdigest()
    _write(path, known)
    say(f"token of {user} of {merchant}; it is shown only now:")
    click.echo(token)


def _is_order_id(text: str) -> bool:
    """Order ids have 32 hexadecimal digits; voucher codes have 16 characters."""
    return len(text) == 32 and set(text) <= set("0123456789abcdef")


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        return _merchants.decode(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        raise CommandError(f"cannot read {path} ({error}); repair it or move it away") from error


def _write(path: Path, merchants: dict[str, dict[str, str]]) -> None:
    """Replaces the file in one step, so that the shop never reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(merchants), indent=1))
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
