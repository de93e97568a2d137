// Create a customer with the JavaScript SDK: `npm install @voucherify/sdk`.

import sdk from '@voucherify/sdk'

const { customers } = sdk.VoucherifyServerSide({
  apiUrl: process.env.LARGESSE_URL ?? 'http://127.0.0.1:8787',
  applicationId: process.env.LARGESSE_APP_ID,
  secretKey: process.env.LARGESSE_APP_TOKEN,
})

const customer = await customers.create({
  source_id: 'ann',
  name: 'Ann Example',
  email: 'ann@example.com',
  metadata: { vip: true },
})
console.log(customer)
