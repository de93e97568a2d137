#!/bin/sh
# Create a customer with curl. LARGESSE_APP_ID and LARGESSE_APP_TOKEN are the server key.
set -eu

curl --silent --show-error --fail-with-body \
  "${LARGESSE_URL:-http://127.0.0.1:8787}/v1/customers" \
  --header "X-App-Id: $LARGESSE_APP_ID" \
  --header "X-App-Token: $LARGESSE_APP_TOKEN" \
  --header "Content-Type: application/json" \
  --write-out '\n' \
  --data '{
    "source_id": "ann",
    "name": "Ann Example",
    "email": "ann@example.com",
    "metadata": {"vip": true}
  }'
