// Stories of redeeming, and of what a browser does, told with the official JavaScript SDK: `node
// checkout.mjs STORY`. Each gets a project of its own, whose keys and address are in the environment.

import assert from 'node:assert/strict'
import sdk from '@voucherify/sdk'

const { SDK_URL, SDK_APP_ID, SDK_APP_TOKEN, SDK_CLIENT_APP_ID, SDK_CLIENT_TOKEN } = process.env

const { campaigns, customers, promotions, redemptions, validations, vouchers } =
  sdk.VoucherifyServerSide({
    apiUrl: SDK_URL,
    applicationId: SDK_APP_ID,
    secretKey: SDK_APP_TOKEN,
  })

const browser = options =>
  sdk.VoucherifyClientSide({
    apiUrl: SDK_URL,
    clientApplicationId: SDK_CLIENT_APP_ID,
    clientSecretKey: SDK_CLIENT_TOKEN,
    origin: 'https://shop.example',
    ...options,
  })

const TEN_OFF = { type: 'AMOUNT', amount_off: 1000 }
const coupon = (code, more) =>
  vouchers.create({ code, type: 'DISCOUNT_VOUCHER', discount: TEN_OFF, ...more })
const card = code => vouchers.create({ code, type: 'GIFT_VOUCHER', gift: { amount: 5000 } })
const voucher = id => ({ object: 'voucher', id })

async function tier(name) {
  const { id } = await campaigns.create({ name, campaign_type: 'PROMOTION' })
  return promotions.tiers.create(id, { name, action: { discount: TEN_OFF } })
}

const stories = {
  async oneVoucher() {
    await coupon('a/b ö', { metadata: { a: 1 } })
    const context = { customer: { source_id: 'ann' }, order: { amount: 5000 } }
    const found = await validations.validateVoucher('a/b ö', context)
    assert.deepEqual([found.valid, found.code, found.metadata], [true, 'a/b ö', { a: 1 }])
    assert.equal(found.order.total_amount, 4000)
    assert.equal((await validations.validate('a/b ö')).valid, true)
    const redeemed = await redemptions.redeem('a/b ö', context)
    assert.deepEqual([redeemed.result, redeemed.customer.source_id], ['SUCCESS', 'ann'])
    assert.equal(redeemed.voucher.redemption.redeemed_quantity, 1)
    assert.equal(redeemed.tracking_id, found.tracking_id)
    await assert.rejects(redemptions.redeem('none'), { code: 404, key: 'not_found' })
    await assert.rejects(validations.validateVoucher('none'), { code: 404 })
    await vouchers.disable('a/b ö')
    const refused = await validations.validateVoucher('a/b ö')
    assert.deepEqual([refused.valid, refused.reason], [false, 'voucher is disabled'])
    await assert.rejects(redemptions.redeem('a/b ö'), { code: 400, resource_type: 'redemption' })
  },

  async oneCard() {
    await card('CARD')
    const body = { order: { amount: 3000 }, gift: { credits: 1000 } }
    const found = await validations.validateVoucher('CARD', body)
    assert.deepEqual([found.gift.balance, found.order.total_amount], [5000, 2000])
    const { amount, gift, voucher: left } = await redemptions.redeem('CARD', body)
    assert.deepEqual([amount, gift, left.gift.balance], [1000, { amount: 1000 }, 4000])
  },

  async tiers() {
    const first = await tier('First')
    await tier('Second')
    const found = await promotions.validate({ order: { amount: 5000 } })
    assert.deepEqual(found.promotions.map(({ name }) => name), ['Second', 'First'])
    const same = await validations.validate({ order: { amount: 5000 } })
    assert.deepEqual(same.promotions.map(({ valid }) => valid), [true, true])
    const filters = { promotion_id: { conditions: { $is: [first.campaign_id] } } }
    const one = await promotions.validate({}, { filters, audienceRulesOnly: true })
    assert.deepEqual(one.promotions.map(({ id }) => id), [first.id])
    const redeemed = await promotions.tiers.redeem(first.id, { order: { amount: 5000 } })
    assert.equal(redeemed.promotion_tier.summary.redemptions.total_redeemed, 1)
    assert.deepEqual([redeemed.voucher, redeemed.order.total_amount], [null, 4000])
  },

  async several() {
    await coupon('TEN')
    await card('CARD')
    const { id } = await tier('Tier')
    const answer = await redemptions.redeemStackable({
      redeemables: [voucher('TEN'), { object: 'promotion_tier', id }, voucher('CARD')],
      customer: { source_id: 'ann' },
      order: { amount: 5000 },
    })
    const { order, parent_redemption: parent, redemptions: children } = answer
    assert.deepEqual(children.map(({ redemption }) => redemption), Array(3).fill(parent.id))
    assert.deepEqual([order.total_amount, children[2].amount], [0, 3000])
    const undone = await redemptions.rollbackStackable(parent.id)
    assert.equal(undone.rollbacks.length, 3)
    assert.equal((await vouchers.get('CARD')).gift.balance, 5000)
  },

  async andBack() {
    await coupon('TEN', { redemption: { quantity: 1 } })
    const { id } = await redemptions.redeem('TEN', { order: { amount: 5000 } })
    assert.equal((await redemptions.get(id)).status, 'SUCCEEDED')
    await assert.rejects(redemptions.redeem('TEN'), { key: 'quantity_exceeded' })
    assert.equal((await redemptions.list({ result: 'FAILURE' })).total, 1)
    const undone = await redemptions.rollback(id, { reason: 'Too late' })
    assert.deepEqual([undone.redemption, undone.reason], [id, 'Too late'])
    await redemptions.redeem('TEN')
    assert.equal((await redemptions.getForVoucher('TEN')).redemption_entries.length, 4)
  },

  async aBrowserValidates() {
    await coupon('ONCE', { redemption: { quantity: 1 } })
    const client = browser({ trackingId: 'ann' })
    assert.equal((await client.validate('ONCE')).valid, true)
    const found = await client.validate({
      code: 'ONCE',
      items: [
        { source_id: 'mug', quantity: 2, amount: 3000 },
        { source_id: 'cup', quantity: 1, amount: 1000 },
      ],
      orderMetadata: { lang: 'en' },
      metadata: { shop: 'one', nested: { a: [1, 2] } },
      customer: { source_id: 'ann', metadata: { lang: 'de' } },
      session_type: 'LOCK',
      session_key: 'mine',
      session_ttl: 1,
      session_ttl_unit: 'HOURS',
    })
    const { order, session } = found
    assert.deepEqual(order.items.map(item => [item.source_id, item.amount]), [
      ['mug', 3000],
      ['cup', 1000],
    ])
    assert.deepEqual([order.total_amount, order.metadata], [3000, { lang: 'en' }])
    assert.deepEqual(session, { key: 'mine', type: 'LOCK', ttl: 1, ttl_unit: 'HOURS' })
    const late = await client.validate({ code: 'ONCE', amount: 10 })
    assert.deepEqual([late.valid, late.error.key], [false, 'quantity_exceeded'])
    assert.equal(late.tracking_id, found.tracking_id)
    await assert.rejects(client.validate('none'), { code: 404 })
  },

  async aBrowserRedeems() {
    await coupon('TEN')
    const client = browser()
    const { tracking_id: token } = await client.validate({ code: 'TEN', tracking_id: 'ann' })
    client.setIdentity(token)
    const redeemed = await client.redeem('TEN', { order: { amount: 5000 } })
    assert.deepEqual([redeemed.tracking_id, redeemed.customer.source_id], [token, 'ann'])
    assert.equal((await customers.get('ann')).id, redeemed.customer_id)
    const context = { redeemables: [voucher('TEN')], order: { amount: 5000 } }
    assert.equal((await client.validateStackable(context)).order.total_amount, 4000)
    const { order } = await client.redeemStackable(context)
    assert.equal(order.status, 'PAID')
    assert.equal((await vouchers.get('TEN')).redemption.redeemed_quantity, 2)
    const foreign = browser({ origin: 'https://elsewhere.example' })
    await assert.rejects(foreign.redeem('TEN'), { code: 403 })
  },
}

await stories[process.argv[2]]()
