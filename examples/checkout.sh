#!/bin/sh
# A checkout in five calls. LARGESSE_APP_ID and LARGESSE_APP_TOKEN are the server key.
set -eu

call() {
  curl --silent --show-error --fail-with-body \
    --request "$1" "${LARGESSE_URL:-http://127.0.0.1:8787}$2" \
    --header "X-App-Id: $LARGESSE_APP_ID" \
    --header "X-App-Token: $LARGESSE_APP_TOKEN" \
    --header "Content-Type: application/json" \
    --write-out '\n' \
    --data "${3:-{\}}"
}

# 1. A code that a hundred customers can use.
call POST /v1/vouchers/SPRING '{
  "type": "DISCOUNT_VOUCHER",
  "discount": {"type": "PERCENT", "percent_off": 20},
  "redemption": {"quantity": 100}
}'

# 2. What would the basket cost? One use is put aside for ten minutes.
call POST /v1/validations '{
  "redeemables": [{"object": "voucher", "id": "SPRING"}],
  "customer": {"source_id": "ann"},
  "order": {"items": [{"source_id": "mug", "related_object": "product", "price": 1250, "quantity": 2}]},
  "session": {"type": "LOCK", "key": "basket-1", "ttl": 10, "ttl_unit": "MINUTES"}
}'

# 3. Paid: redeem it.
redeemed=$(call POST /v1/redemptions '{
  "redeemables": [{"object": "voucher", "id": "SPRING"}],
  "customer": {"source_id": "ann"},
  "order": {"source_id": "order-1", "status": "PAID", "items": [{"source_id": "mug", "related_object": "product", "price": 1250, "quantity": 2}]},
  "session": {"type": "LOCK", "key": "basket-1"}
}')
echo "$redeemed"

# 4. What became of the customer.
call GET /v1/customers/ann

# 5. Sent back: the use, the money and the sums return.
id=$(echo "$redeemed" | sed -n 's/.*"redemptions":\[{"id":"\(r_[0-9a-f]*\)".*/\1/p')
call POST "/v1/redemptions/$id/rollback" '{"reason": "Returned"}'
