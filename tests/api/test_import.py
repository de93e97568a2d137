from __future__ import annotations

import codecs
import re
from typing import Any

import httpx
import pytest

from tests.api.test_bulk import report_of
from tests.api.test_customers import BOB, ID, UNUSED, read, save
from tests.running import Shop

TEMPLATE = """\
Name,Source_id,Description,Email,Phone,Address_line_1,Address_line_2,City,Postal_Code,State,\
Country,Birthdate,favorite_brands,CRM_created_date
John Smith,john@shop.example,A good customer.,j@shop.example,+1 (989) 123-4632,100 Main St,\
Blg 2 Apt 3,New York,12345,NY,United States,2022-07-03,"Nike,Fenty,Reebok",2022-05-18T10:00:00.000Z
"""
JOHN = {
    "source_id": "john@shop.example",
    "name": "John Smith",
    "description": "A good customer.",
    "email": "j@shop.example",
    "phone": "+1 (989) 123-4632",
    "address": {
        "city": "New York",
        "state": "NY",
        "line_1": "100 Main St",
        "line_2": "Blg 2 Apt 3",
        "country": "United States",
        "postal_code": "12345",
    },
    "birthdate": "2022-07-03",
    "metadata": {
        "favorite_brands": "Nike,Fenty,Reebok",
        "CRM_created_date": "2022-05-18T10:00:00.000Z",
    },
}


def upload(shop: Shop, content: str | bytes) -> httpx.Response:
    content = content.encode() if isinstance(content, str) else content
    return shop.api.post("/v1/customers/importCSV", files={"file": ("customers.csv", content)})


def imported(shop: Shop, content: str | bytes) -> dict[str, Any]:
    """Imports a file and waits; the finished action."""
    return shop.finished(upload(shop, content))


def total(shop: Shop) -> int:
    found: int = shop.api.get("/v1/customers").json()["total"]
    return found


# --- headers ------------------------------------------------------------------------------------


def test_import_creates_customers(shop: Shop) -> None:
    action = imported(shop, TEMPLATE)
    result = action["result"]
    assert (action["type"], action["status"]) == ("CUSTOMERS.IMPORT_CSV", "DONE")
    assert (action["operation_status"], action["progress"]) == ("SUCCESS", 100)
    assert result["message"] == "1 customer(s) imported successfully, 0 failed."
    assert (result["done_count"], result["failed_count"], result["failed"]) == (1, 0, [])
    john = read(shop, "john@shop.example")
    assert {name: john[name] for name in JOHN} == JOHN
    assert "birthday" not in john
    page = shop.api.get("/v1/customers/john@shop.example/activity").json()
    assert [event["type"] for event in page["data"]] == ["customer.created"]
    assert report_of(action) == [["1", "john@shop.example", john["id"], "false", "true", ""]]


LABELS = (
    "Name,Source_id,Description,Email,Phone,Address_line_1,Address_line_2,City,Postal_Code,"
    "State,Country,Birthdate,favorite_brands,CRM_created_date"
)


@pytest.mark.parametrize(
    "header",
    [
        "Name,Source_id,Description,Email,Phone,Address_Line_1,Address_Line_2,Address_City,"
        "Address_Postal_Code,Address_State,Address_Country,Birthdate,favorite_brands,"
        "CRM_created_date",
        "name,source_id,description,email,phone,line_1,line_2,city,postal_code,"
        "state,country,birthdate,metadata.favorite_brands,CRM_created_date",
        "NAME,SOURCE_ID,DESCRIPTION,EMAIL,PHONE,ADDRESS_LINE_1,ADDRESS_LINE_2,CITY,POSTAL_CODE,"
        "STATE,COUNTRY,BIRTHDATE,favorite_brands,CRM_created_date",
        " name , sOuRcE iD,Description,Email,Phone,Address line 1,address-line-2,City,"
        "Postal code,State,Country,birthdate,favorite_brands , CRM_created_date",
    ],
)
def test_headers_are_fields_or_labels_in_any_case(shop: Shop, header: str) -> None:
    imported(shop, TEMPLATE.replace(LABELS, header))
    john = read(shop, "john@shop.example")
    assert {name: john[name] for name in JOHN} == JOHN


def test_a_byte_order_mark_and_any_line_ends_are_fine(shop: Shop) -> None:
    rows = ["Source_id,Name", "a,Ä", "", "b,B"]
    for number, end in enumerate(("\n", "\r\n", "\r")):
        text = end.join(rows).replace("Name", f"n{number}")
        action = imported(shop, codecs.BOM_UTF8 + text.encode())
        assert action["result"]["done_count"] == 2
    assert read(shop, "a")["metadata"] == {"n0": "Ä", "n1": "Ä", "n2": "Ä"}
    assert total(shop) == 2


def test_a_file_sent_as_the_body_is_taken_too(shop: Shop) -> None:
    answer = shop.api.post(
        "/v1/customers/importCSV", content=TEMPLATE, headers={"Content-Type": "text/csv"}
    )
    shop.finished(answer)
    assert read(shop, "john@shop.example")["name"] == "John Smith"


@pytest.mark.parametrize(
    ("content", "details"),
    [
        (b"", "The file has no header"),
        (b"\n\n", "The file has no header"),
        (b"Name,Email\na,b\n", "The header should have a column 'Source_id' or 'Id'"),
        (b"John,john@shop.example\n", "The header should have a column 'Source_id' or 'Id'"),
        (b"Source_id;Name\na;b\n", "The header should have a column 'Source_id' or 'Id'"),
        (b"Source_id,Name,name\na,b,c\n", "The header names a column twice"),
        (b"Source_id,City,Address_City\na,b,c\n", "The header names a column twice"),
        (b"Source_id,x,x\na,b,c\n", "The header names a column twice"),
        (b"Source_id,x,metadata.x\na,b,c\n", "The header names a column twice"),
        (b"Source_id,Name\na,\xe4\n", "The file is not valid UTF-8 (byte 17)"),
        ("Source_id,Name\na,b\n".encode("utf-16"), "The file is not valid UTF-8 (byte 0)"),
    ],
)
def test_a_file_that_is_no_table_of_customers_is_refused(
    shop: Shop, content: bytes, details: str
) -> None:
    answer = upload(shop, content)
    assert answer.status_code == 400
    assert (answer.json()["key"], answer.json()["details"]) == ("invalid_payload", details)
    assert total(shop) == 0
    assert shop.api.get("/v1/async-actions").json()["async_actions"] == []


def test_an_upload_without_a_file_is_refused(shop: Shop) -> None:
    for sent in (
        shop.api.post("/v1/customers/importCSV", files={"other": ("a.csv", b"Source_id\na")}),
        shop.api.post("/v1/customers/importCSV", data={"file": "Source_id"}),
        shop.api.post("/v1/customers/importCSV", json={"file": "Source_id\na"}),
        shop.api.post("/v1/customers/importCSV"),
        shop.api.post(
            "/v1/customers/importCSV",
            content=b"no parts",
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        ),
    ):
        assert sent.status_code == 400
        assert sent.json()["key"] == "invalid_payload"


def test_a_header_alone_is_done_at_once(shop: Shop) -> None:
    action = imported(shop, "Source_id,Name\n")
    assert (action["status"], action["progress"]) == ("DONE", 100)
    assert action["result"]["message"] == "0 customer(s) imported successfully, 0 failed."
    assert report_of(action) == []


# --- what an import changes ---------------------------------------------------------------------


def test_columns_of_the_file_replace_and_others_stay(shop: Shop) -> None:
    before = save(shop, **BOB, birthday="2001-02-03")
    save(shop, source_id="source_123", metadata={"a": 1, "b": {"x": 1}, "c": [1]})
    imported(
        shop,
        "Source_id,Name,Email,Phone,City,Postal_Code,Birthdate,a,b,d\n"
        "source_123,Robert,,,Boston,,,2,,new\n",
    )
    after = read(shop, "source_123")
    expected = {
        **before,
        "name": "Robert",
        "address": {
            "city": "Boston",
            "state": "NY",
            "line_1": "123 Main St.",
            "line_2": "APT 3 BLG 4",
            "country": "United States",
        },
        "metadata": {"lang": "en", "test": True, "a": "2", "c": [1], "d": "new"},
        "updated_at": after["updated_at"],
    }
    for cleared in ("email", "phone", "birthdate"):
        del expected[cleared]
    assert after == expected
    # A file of one column changes nothing but the time.
    imported(shop, "Source_id\nsource_123\n")
    touched = read(shop, "source_123")
    assert touched == {**after, "updated_at": touched["updated_at"]}
    imported(shop, "Source_id,city,state,line_1,line_2,country\nsource_123,,,,,\n")
    assert read(shop, "source_123")["address"] is None


def test_metadata_columns_are_text(shop: Shop) -> None:
    imported(shop, 'Source_id,n,yes,none,json,Two Words,UPPER\na,1,true,null,"{""a"":1}",x,y\n')
    assert read(shop, "a")["metadata"] == {
        "n": "1",
        "yes": "true",
        "none": "null",
        "json": '{"a":1}',
        "Two Words": "x",
        "UPPER": "y",
    }


def test_of_a_date_time_the_day_is_kept(shop: Shop) -> None:
    imported(shop, "Source_id,Birthdate,Birthday\na,1990-03-04T23:30:00Z,1991-05-06\n")
    customer = read(shop, "a")
    assert (customer["birthdate"], customer["birthday"]) == ("1990-03-04", "1991-05-06")


def test_the_id_column_decides(shop: Shop) -> None:
    one = save(shop, source_id="one", name="One")
    two = save(shop, source_id="two", name="Two")
    plain = save(shop, name="Plain")
    action = imported(
        shop,
        "Id,Source_id,Name\n"
        f"{one['id']},,By id\n"
        f"{two['id']},one,Id wins\n"
        f"{plain['id']},,No name\n"
        f"{UNUSED},fresh,New with this id\n"
        "malformed,other,New with another id\n"
        ",two,By source id\n"
        ",third,New by source id\n"
        "cust_111111111111111111111111,one,Taken\n"
        ",,Nameless\n",
    )
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (7, 2)
    assert action["result"]["failed"] == [
        {
            "source_id": "one",
            "row": 8,
            "reason": "Duplicated customer exists with id one",
        },
        {
            "source_id": "",
            "row": 9,
            "reason": "The row has neither a source id nor an id",
        },
    ]
    assert read(shop, "one") == {
        **one,
        "name": "By id",
        "updated_at": read(shop, "one")["updated_at"],
    }
    assert read(shop, two["id"])["source_id"] == "two"
    assert read(shop, two["id"])["name"] == "By source id"
    assert read(shop, plain["id"])["name"] == "No name"
    assert (read(shop, UNUSED)["source_id"], read(shop, UNUSED)["name"]) == (
        "fresh",
        "New with this id",
    )
    assert re.fullmatch(ID, read(shop, "other")["id"])
    assert read(shop, "third")["name"] == "New by source id"
    rows = report_of(action)
    assert [row[3] for row in rows] == [
        "true",
        "true",
        "true",
        "false",
        "false",
        "true",
        "false",
        "false",
        "false",
    ]
    assert [row[4] for row in rows] == ["true"] * 7 + ["false", "false"]
    assert [row[2] for row in rows[:4]] == [one["id"], two["id"], plain["id"], UNUSED]
    assert total(shop) == 6


def test_one_customer_twice_in_one_file(shop: Shop) -> None:
    action = imported(shop, "Source_id,Name,x\nb,1,1\na,1,1\nb,2,\nb,3,3\n")
    assert [row[3] for row in report_of(action)] == ["false", "false", "true", "true"]
    assert (read(shop, "b")["name"], read(shop, "b")["metadata"]) == ("3", {"x": "3"})
    assert total(shop) == 2


# --- rows that are wrong or odd -----------------------------------------------------------------


def test_a_wrong_row_in_the_middle_is_named_and_the_others_land(shop: Shop) -> None:
    known = save(shop, source_id="known", name="Before")
    long = "a" * 256
    action = imported(
        shop,
        "Source_id,Name,Birthdate\n"
        "first,First,2000-01-01\n"
        "no date,Bad,2022-13-45\n"
        "known,Bad,tomorrow\n"
        "short\n"
        "long,Bad,2000-01-01,extra\n"
        f"name,{long},\n"
        f"{long},Bad,\n"
        "nul,B\x00d,\n"
        "last,Last,\n",
    )
    assert (action["status"], action["operation_status"]) == ("DONE", "SUCCESS")
    result = action["result"]
    assert result["message"] == "2 customer(s) imported successfully, 7 failed."
    not_a_date = "Property .birthdate cannot be recognized as a ISO-8601 compliant date"
    too_long = "should NOT be longer than 255 characters"
    failed = [(row["row"], row["source_id"], row["reason"]) for row in result["failed"]]
    assert failed == [
        (2, "no date", not_a_date),
        (3, "known", not_a_date),
        (4, "short", "The row has 1 cells, the header 3"),
        (5, "long", "The row has 4 cells, the header 3"),
        (6, "name", f"Property .name {too_long}"),
        (7, "a" * 255, f"Property .source_id {too_long}"),
        (8, "nul", "A cell contains the null character"),
    ]
    rows = report_of(action)
    assert [row[4] for row in rows] == ["true", *["false"] * 7, "true"]
    assert [(int(row[0]), row[1], row[5]) for row in rows if row[5]] == failed
    assert read(shop, "known") == known
    assert read(shop, "first")["birthdate"] == "2000-01-01"
    assert read(shop, "last")["name"] == "Last"
    assert total(shop) == 3


def test_formulas_are_stored_as_they_are_and_reported_safe(shop: Shop) -> None:
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x.example")']
    lines = ['"' + formula.replace('"', '""') + '"' for formula in formulas]
    action = imported(
        shop,
        "Source_id,Name,=meta\n" + "".join(f"{cell},{cell},{cell}\n" for cell in lines),
    )
    for formula in formulas:
        path = formula.replace("/", "%2F").replace("+", "%2B")
        customer = read(shop, path)
        assert (customer["source_id"], customer["name"]) == (formula, formula)
        assert customer["metadata"] == {"=meta": formula}
    assert [row[1] for row in report_of(action)] == [f"'{formula}" for formula in formulas]


def test_quoted_cells_hold_anything(shop: Shop) -> None:
    action = imported(
        shop,
        'Source_id,Name,Description,"with, comma"\n'
        '"a\nb","O\'Neil, ""Bob""","line 1\r\nline 2\n\nline 4","1\n2"\n'
        'after,"",😀 zażółć,\n'
        '" padded "," x ",,\n',
    )
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (3, 0)
    customer = read(shop, "a%0Ab")
    assert customer["name"] == 'O\'Neil, "Bob"'
    assert customer["description"] == "line 1\r\nline 2\n\nline 4"
    assert customer["metadata"] == {"with, comma": "1\n2"}
    after = read(shop, "after")
    assert (after["description"], after["metadata"]) == ("😀 zażółć", {})
    assert "name" not in after
    assert read(shop, "%20padded%20")["name"] == " x "
    # Rows are counted as records, whatever lines they span.
    assert [row[0] for row in report_of(action)] == ["1", "2", "3"]


def test_a_long_file_is_imported_in_portions(shop: Shop) -> None:
    save(shop, source_id="c1000", name="Before", email="stays@shop.example")
    rows = "".join(f"c{n},Name {n}\n" for n in range(1200))
    action = imported(shop, f"Source_id,Name\n{rows}")
    assert action["result"]["done_count"] == 1200
    found = report_of(action)
    assert [row[1] for row in found] == [f"c{n}" for n in range(1200)]
    assert [row[0] for row in found if row[3] == "true"] == ["1001"]
    customer = read(shop, "c1000")
    assert (customer["name"], customer["email"]) == ("Name 1000", "stays@shop.example")
    assert total(shop) == 1200
