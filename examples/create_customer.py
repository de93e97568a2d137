"""Create a customer with the Python SDK: `pip install voucherify`."""

import os

from voucherify import ApiClient, Configuration, CustomersApi, CustomersCreateRequestBody

configuration = Configuration(
    host=os.environ.get("LARGESSE_URL", "http://127.0.0.1:8787"),
    api_key={
        "X-App-Id": os.environ["LARGESSE_APP_ID"],
        "X-App-Token": os.environ["LARGESSE_APP_TOKEN"],
    },
)
customers = CustomersApi(ApiClient(configuration))

customer = customers.create_customer(
    CustomersCreateRequestBody(
        source_id="ann",
        name="Ann Example",
        email="ann@example.com",
        metadata={"vip": True},
    )
)
print(customer.to_str())
