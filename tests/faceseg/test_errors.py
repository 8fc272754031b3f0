"""Messages contain no password, whatever the address that a user or a library puts into them."""

import pickle
import string

import hypothesis
import pytest
from hypothesis import strategies

from faceseg.errors import UserError, causes, check_choice, first_line, without_secrets

# What a password may contain besides letters and digits; some of it ought to be percent-encoded.
PUNCTUATION = "/:?#&=%+!$*()[]{}<>,;.~^|\\'\"-_é"
SCHEMES = ("postgresql+psycopg", "mysql", "http", "https", "s3", "redis", "models")
CHARACTERS = string.ascii_letters + string.digits + PUNCTUATION
# The secret is marked, because a short one would also occur in the rest of the address.
passwords = strategies.one_of(
    strategies.text(f"{CHARACTERS}@").map("Q9{}9Q".format),
    strategies.text(f"{CHARACTERS}@").map("8080/{}9Q".format),  # begins as a port and a path do
    strategies.text(f"{CHARACTERS} ").map("Q9{}9Q".format),
)
words = strategies.text(string.ascii_lowercase + string.digits + ".-", min_size=1).map(
    lambda text: f"u{text}"
)
users = strategies.one_of(
    strategies.just(""), words, words.map(lambda word: f"{word}@corp.example")
)
ports = strategies.one_of(strategies.just(""), strategies.integers(1, 65535).map(":{}".format))
paths = strategies.lists(words, max_size=3).map(lambda parts: "".join(f"/{part}" for part in parts))
SECRET_KEYS = (
    *("password", "passwd", "pwd", "token", "access_token", "secret", "api_key", "apikey", "sig"),
    *("sslpassword", "X-Amz-Signature", "X-Amz-Security-Token", "AWSAccessKeyId", "PASSWORD"),
    *("client_secret", "odbc_connect", "auth"),
)


@hypothesis.given(
    before=strategies.tuples(strategies.sampled_from(SCHEMES), users).map(
        "{0[0]}://{0[1]}:".format
    ),
    password=passwords,
    after=strategies.tuples(
        *(words, ports, paths, strategies.sampled_from(["", "?sslmode=require", "?a=1&b=2"]))
    ).map("".join),
    around=strategies.sampled_from(["{}", "cannot open {}", "'{}'", "{} does not respond: retry"]),
)
def test_a_password_never_occurs_and_the_rest_of_the_address_stays(
    before: str, password: str, after: str, around: str
):
    shown = without_secrets(around.format(f"{before}{password}@{after}"))
    assert password not in shown
    assert shown == around.format(f"{before}***@{after}")


@hypothesis.given(
    address=strategies.tuples(words, ports, paths).map("".join),
    key=strategies.tuples(
        strategies.sampled_from(["?", "?user=me&", "#", "?a=1;"]),
        strategies.sampled_from(SECRET_KEYS),
    ).map("".join),
    secret=strategies.text(CHARACTERS.replace("&", "") + "@").map("Q9{}9Q".format),
    after=strategies.sampled_from(["", "&sslmode=require", " does not respond"]),
)
def test_a_secret_of_a_query_never_occurs_and_the_rest_stays(
    address: str, key: str, secret: str, after: str
):
    shown = without_secrets(f"https://{address}{key}={secret}{after}")
    assert "Q9" not in shown
    assert "9Q" not in shown
    # With a colon before and an `@` in the secret, the address also has the form of a password's.
    if not (":" in address and "@" in secret):
        assert shown == f"https://{address}{key}=***{after}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://host:1?password=Q9@9Q", "https://host:***"),
        ("https://host:1?password=a@b&token=c", "https://host:***&token=***"),
        ("http://me:pw?token=abc@host/x rest", "http://me:*** rest"),
    ],
)
def test_what_may_be_a_password_or_a_query_is_masked_as_both(text: str, expected: str):
    assert without_secrets(text) == expected


@hypothesis.given(text=strategies.text(string.printable))
def test_text_without_an_address_is_unchanged(text: str):
    hypothesis.assume("://" not in text and "=" not in text)
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:5000",
        "MLflow at http://host:5000 has no models:/faceseg@champion",
        "postgresql+psycopg://faceseg@postgres.internal/optuna",
        "postgresql+psycopg://me:${PGPASSWORD}@host/optuna?password=${OTHER}",
        "sqlite:////data/a:b@c/mlflow.db",
        "http://host:5000/search?max_results=5&order=token",
        "first http://a:80, then http://b:81/x; mail me@host",
        "FACESEG_TOKEN=$(python3 -c 'import secrets; print(secrets.token_urlsafe())')",
    ],
)
def test_an_address_without_a_secret_stays_as_it_is(text: str):
    assert without_secrets(text) == text


def test_several_addresses_are_masked_each():
    text = "from http://me:one@a:80/x to s3://k:two@b and https://c?token=three"
    expected = "from http://me:***@a:80/x to s3://k:***@b and https://c?token=***"
    assert without_secrets(text) == expected


def test_the_message_of_an_error_contains_no_password():
    error = UserError("http://me:geheim@host:5000 does not respond")
    assert str(error) == "http://me:***@host:5000 does not respond"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301  # sent by Ray


def test_a_librarys_message_is_masked_before_it_can_be_cut():
    words = first_line(ValueError("no answer from http://me:geheim@host:5000/x\nand more"))
    assert words[:28] == "no answer from http://me:***"


def test_the_causes_of_an_error_end_where_they_repeat():
    outer, cause, handled = ValueError("outer"), KeyError("cause"), OSError("handled")
    outer.__cause__, cause.__context__, handled.__context__ = cause, handled, outer
    assert list(causes(outer)) == [outer, cause]
    assert list(causes(outer, handled=True)) == [outer, cause, handled]
    assert list(causes(None)) == []


def test_a_word_in_other_letters_is_suggested_first():
    with pytest.raises(UserError, match="Did you mean 'coco'"):
        check_choice("format", "COCO", ["labelme", "coco"])
    with pytest.raises(UserError, match="Did you mean 'UNet'"):
        check_choice("network", "unet2", ["segnet", "UNet"])


def test_a_word_without_any_likeness_gets_no_suggestion():
    with pytest.raises(UserError) as raised:
        check_choice("format", "xyz", ["facesynthetics", "coco"])
    assert str(raised.value) == "there is no format 'xyz'; expected one of facesynthetics, coco"
    with pytest.raises(UserError, match="there is no option of segnet 'alpha'; leave it out"):
        check_choice("option of segnet", "alpha", [])
