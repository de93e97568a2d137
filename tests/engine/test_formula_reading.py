from __future__ import annotations

import pytest

from largesse.engine import formula
from largesse.engine.formula import Context, FormulaError
from largesse.engine.formula_functions import FUNCTIONS
from largesse.engine.formula_operands import PROPERTIES
from tests.engine.formulas import holds, number

# --- what cannot be read -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "A formula should be a string"),
        (5, "A formula should be a string"),
        (["1"], "A formula should be a string"),
        ({}, "A formula should be a string"),
        ("", "A formula cannot be empty"),
        (" \n", "A formula cannot be empty"),
        ("1\x00", "A formula cannot contain the null character"),
        ("1" + " " * 2000, "A formula can have at most 2000 characters"),
        ("9^9^9", "Unexpected '^' at character 2"),
        ("1 +", "Unexpected the end"),
        ("1 2", "Unexpected '2' at character 3"),
        ("* 2", "Unexpected '*' at character 1"),
        ("(1", "Unexpected the end"),
        ("1)", "Unexpected ')' at character 2"),
        ("()", "Unexpected ')' at character 2"),
        ("MIN()", "Unexpected ')' at character 5"),
        ("MIN(1,2)", "Unexpected ',' at character 6"),
        ("MIN(1;;2)", "Unexpected ';' at character 7"),
        ("1;2", "Unexpected ';' at character 2"),
        ("1.", "Unexpected '.' at character 2"),
        (".5", "Unexpected '.' at character 1"),
        ("1e5", "Unexpected 'e' at character 2"),
        ("1 >= 2", "Unexpected '=' at character 4"),
        ("'VIP'", 'Unexpected "\'" at character 1'),
        ('"VIP', "A text is not closed: '\"' at character 1"),
        ('"VIP\\"', "A text is not closed: '\"' at character 1"),
        ("SWITCH_CASE(1;2) SWITCH_CASE(3;4)", "Unexpected 'SWITCH_CASE' at character 18"),
        ("\ud800", "Unexpected '\\ud800' at character 1"),
        ("٣", "Unexpected '٣' at character 1"),
        ("1" * 31, "A number can have at most 30 digits, at character 1"),
        ("1 + " + "9" * 1900, "A number can have at most 30 digits, at character 5"),
        ("(" * 65 + "1" + ")" * 65, "More than 64 operations within one another, at character 65"),
        ("(" * 1999, "More than 64 operations within one another, at character 65"),
        ("-" * 1999, "More than 64 operations within one another, at character 65"),
        ("MIN(" * 400, "More than 64 operations within one another, at character 257"),
        ("IF(1=1;" * 280, "More than 64 operations within one another, at character 449"),
        ("1" + "+1" * 900, "More than 64 operations within one another, at character 130"),
        # Names.
        ("ORDER_TOTAL", "ORDER_TOTAL is not known, at character 1"),
        ("order_amount", "order_amount is not known, at character 1"),
        ("__import__", "__import__ is not known, at character 1"),
        ("ORDER_AMOUNT.numerator", "ORDER_AMOUNT.numerator is not known, at character 1"),
        ("1 + SWITCH_CASE(1;2)", "SWITCH_CASE is not known, at character 5"),
        ("x", "Unexpected '*' at character 1"),
        # How many values.
        ("ORDER_AMOUNT(1)", "ORDER_AMOUNT takes no values, at character 1"),
        ("MIN", "MIN needs at least 1 values, not 0, at character 1"),
        ("POW(2)", "POW needs 2 values, not 1, at character 1"),
        ("ROUND(2)", "ROUND needs 2 values, not 1, at character 1"),
        ("2 * IF(1=1;2)", "IF needs 3 values, not 2, at character 5"),
        (
            "CUSTOMER_METADATA",
            "CUSTOMER_METADATA needs the name of a property in quotes, at character 1",
        ),
        (
            "CUSTOMER_METADATA(1)",
            "CUSTOMER_METADATA needs the name of a property in quotes, at character 1",
        ),
        (
            'CUSTOMER_METADATA("a";"b")',
            "CUSTOMER_METADATA needs the name of a property in quotes, at character 1",
        ),
        (
            'CUSTOMER_METADATA(CUSTOMER_METADATA("a"))',
            "CUSTOMER_METADATA needs the name of a property in quotes, at character 1",
        ),
        ("SWITCH", "SWITCH needs a value, its cases and a default, at character 1"),
        ("SWITCH(1;2)", "SWITCH needs a value, its cases and a default, at character 1"),
        (
            "SWITCH(1;SWITCH_CASE(1;2))",
            "SWITCH needs a value, its cases and a default, at character 1",
        ),
        ("SWITCH(1;2;3)", "SWITCH needs a SWITCH_CASE at character 10"),
        ("SWITCH(1;SWITCH_CASE(1);3)", "SWITCH_CASE needs 2 values, not 1, at character 10"),
        # Kinds.
        ('"VIP"', "The formula needs a number, not a text, at character 1"),
        ("TODAY", "The formula needs a number, not a date, at character 1"),
        ("1 = 1", "The formula needs a number, not a condition, at character 3"),
        ('1 + "VIP"', "+ needs a number, not a text, at character 5"),
        ("TODAY + 1", "+ needs a number, not a date, at character 1"),
        ("CUSTOMER_BIRTHDATE - 1", "- needs a number, not a date, at character 1"),
        ('-"a"', "- needs a number, not a text, at character 2"),
        ('MAX(1;"2")', "MAX needs a number, not a text, at character 7"),
        ("IF(1;2;3)", "IF needs a condition, not a number, at character 4"),
        ("IF(1=1 AND 2;3;4)", "AND needs a condition, not a number, at character 12"),
        ("IF(1 < 2 < 3;1;2)", "< needs a number, not a condition, at character 6"),
        ('IF("a" > "b";1;2)', "> needs a number, not a text, at character 4"),
        (
            "IF(ORDER_AMOUNT contains 2;1;2)",
            "contains needs a text, not a number, at character 4",
        ),
        ('IF("a" startsWith 2;1;2)', "startsWith needs a text, not a number, at character 19"),
        ("IF(TODAY = NOW;1;2)", "= needs a number or text, not a date, at character 4"),
        ('IF(TODAY is "a";1;2)', "is needs a number or text, not a date, at character 4"),
        (
            'IF(TODAY IN_ARRAY "a";1;2)',
            "IN_ARRAY needs a number or text, not a date, at character 4",
        ),
        ("DAYS_SINCE(5)", "DAYS_SINCE needs a date, not a number, at character 12"),
        ('DAYS_SINCE("2026-01-01")', "DAYS_SINCE needs a date, not a text, at character 12"),
        ("IF(1 IS_AFTER TODAY;1;2)", "IS_AFTER needs a date, not a number, at character 4"),
        ('YEAR(DATE("2026-02-30"))', "DATE needs an ISO-8601 date, at character 11"),
        ('YEAR(DATE_TIME("soon"))', "DATE_TIME needs an ISO-8601 date, at character 16"),
        ("YEAR(DATE(2026))", "DATE needs a date, not a number, at character 11"),
        (
            "SWITCH(TODAY;SWITCH_CASE(1;2);3)",
            "SWITCH needs a number or text, not a date, at character 8",
        ),
    ],
)
def test_formulas_that_cannot_be_read(text: object, message: str) -> None:
    with pytest.raises(FormulaError) as error:
        formula.read(text)
    assert str(error.value) == message


def test_texts_may_hold_quotes_and_operators() -> None:
    assert holds('"a" is "a"')
    assert number(r'CUSTOMER_METADATA("a \"b\" \\ \c;+(")', **{r'a "b" \ \c;+(': 6}) == 6
    assert holds('"AND" is "+"') is False
    for spelling in ("x", "×", "÷", "-", "IS_AFTER"):  # noqa: RUF001
        assert number(f'CUSTOMER_METADATA("{spelling}") x 2', **{spelling: 3}) == 6


@pytest.mark.parametrize(
    "text",
    [
        "(" * 64 + "1" + ")" * 64,
        "IF(1=1;" * 63 + "1" + ";2)" * 63,
        "1" + "+1" * 64,
        "DEFAULT_TO(" * 63 + 'CUSTOMER_METADATA("age")' + ")" * 62 + ";1)",
    ],
)
def test_depth_that_can_be_read_can_be_evaluated(text: str) -> None:
    assert number(text) in (1, 65, 33)


def test_what_stands_side_by_side_is_not_within_one_another() -> None:
    assert number("MAX(" + ";".join(["-(1)", "MIN(2)"] * 100) + ")") == 2


# --- contexts ------------------------------------------------------------------------------------


OF_DISCOUNTS = {
    'REDEEMABLE_METADATA("a")',
    'REDEMPTION_METADATA("a")',
    'PUBLICATION_METADATA("a")',
    "VOUCHER_PUBLISH_COUNT",
    "DAYS_UNTIL(VOUCHER_EXPIRATION_DATE)",
    "DAYS_UNTIL(PROMOTION_TIER_EXPIRATION_DATE)",
    "order.bundle.quantity",
}
OF_ITEMS = {"ORDER_ITEM_PRICE", 'ORDER_ITEM_METADATA("a")', 'ORDER_ITEM_PRODUCT_METADATA("a")'}
OF_ALL = {
    "ORDER_AMOUNT",
    "CHEAPEST_ORDER_ITEM_PRICE",
    'MOST_EXPENSIVE_ORDER_ITEM_METADATA("a")',
    'ORDER_METADATA("a")',
    'CUSTOMER_METADATA("a")',
    "YEARS_SINCE(CUSTOMER_BIRTHDATE)",
    "MONTH(TODAY)",
}


@pytest.mark.parametrize(
    ("context", "offered"),
    [
        (formula.ORDER, OF_ALL | OF_DISCOUNTS),
        (formula.ITEM, OF_ALL | OF_DISCOUNTS | OF_ITEMS),
        (formula.LIMIT, OF_ALL | OF_DISCOUNTS),
        (formula.EARNING, OF_ALL),
        (None, OF_ALL | OF_DISCOUNTS | OF_ITEMS),
    ],
)
def test_what_a_context_offers(context: Context | None, offered: set[str]) -> None:
    for text in OF_ALL | OF_DISCOUNTS | OF_ITEMS:
        if text in offered:
            formula.read(text, context)
        else:
            with pytest.raises(FormulaError, match=r"is not available in an? \w+"):
                formula.read(text, context)


def test_what_a_context_does_not_offer_is_named() -> None:
    with pytest.raises(FormulaError) as error:
        formula.read("1 + ORDER_ITEM_PRICE", formula.ORDER)
    assert (
        str(error.value) == "ORDER_ITEM_PRICE is not available in an order discount, at character 5"
    )


def test_every_documented_name_is_known() -> None:
    documented = """
        ORDER_METADATA REDEEMABLE_METADATA CUSTOMER_METADATA REDEMPTION_METADATA
        PUBLICATION_METADATA ORDER_ITEM_METADATA ORDER_ITEM_PRODUCT_METADATA
        CHEAPEST_ORDER_ITEM_METADATA CHEAPEST_ORDER_ITEM_PRODUCT_METADATA
        MOST_EXPENSIVE_ORDER_ITEM_METADATA MOST_EXPENSIVE_ORDER_ITEM_PRODUCT_METADATA
        + - * / % > < = is isNot contains startsWith endsWith IN_ARRAY NOT_IN_ARRAY AND OR
        MIN MAX POW IF DEFAULT_TO ROUND FLOOR CEIL DATE DATE_TIME DAY_OF_MONTH MONTH YEAR
        DAYS_SINCE MONTHS_SINCE YEARS_SINCE DAYS_UNTIL MONTHS_UNTIL
        DATE_IS DATE_IS_NOT IS_AFTER IS_BEFORE
    """
    assert set(documented.split()) == FUNCTIONS.keys() | PROPERTIES.keys()
