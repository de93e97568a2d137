// Stories of validations told with the official JavaScript SDK: `node validations.mjs STORY`. Each
// gets a project of its own, whose keys and address are in the environment.

import assert from 'node:assert/strict'
import sdk from '@voucherify/sdk'

const { SDK_URL, SDK_APP_ID, SDK_APP_TOKEN } = process.env

const { products, promotions, campaigns, validations, vouchers } = sdk.VoucherifyServerSide({
  apiUrl: SDK_URL,
  applicationId: SDK_APP_ID,
  secretKey: SDK_APP_TOKEN,
})

const TEN_OFF = { type: 'AMOUNT', amount_off: 1000 }
const coupon = (code, discount, more) =>
  vouchers.create({ code, type: 'DISCOUNT_VOUCHER', discount, ...more })
const voucher = id => ({ object: 'voucher', id })

const stories = {
  async stackedDiscounts() {
    await coupon('TEN', TEN_OFF)
    await vouchers.create({ code: 'CARD', type: 'GIFT_VOUCHER', gift: { amount: 5000 } })
    const { id } = await campaigns.create({ name: 'Sale', campaign_type: 'PROMOTION' })
    const tier = await promotions.tiers.create(id, {
      name: 'Half',
      action: { discount: { type: 'PERCENT', percent_off: 50 } },
    })
    const answer = await validations.validateStackable({
      redeemables: [
        voucher('TEN'),
        { object: 'promotion_tier', id: tier.id },
        { ...voucher('CARD'), gift: { credits: 500 } },
      ],
      customer: { source_id: 'ann' },
      order: { amount: 10000 },
      options: { expand: ['order', 'redeemable', 'category'] },
    })
    assert.equal(answer.valid, true)
    assert.deepEqual(
      answer.redeemables.map(each => [each.status, each.order.total_amount]),
      [['APPLICABLE', 9000], ['APPLICABLE', 4500], ['APPLICABLE', 4000]],
    )
    assert.equal(answer.order.total_applied_discount_amount, 6000)
    assert.match(answer.tracking_id, /^track_/)
  },

  async freeUnits() {
    const mug = await products.create({ name: 'Mug', source_id: 'mug', price: 1000 })
    const free = { type: 'UNIT', unit_off: 1, unit_type: mug.id, effect: 'ADD_NEW_ITEMS' }
    await coupon('MUG', free)
    const { order } = await validations.validateStackable({
      redeemables: [voucher('MUG')],
      order: { items: [{ source_id: 'mug', related_object: 'product', quantity: 1 }] },
    })
    const [item] = order.items
    assert.deepEqual([item.quantity, item.discount_quantity, item.initial_quantity], [2, 1, 1])
    assert.deepEqual([order.amount, order.total_amount], [2000, 1000])
  },

  async whatDoesNotApply() {
    await coupon('TEN', TEN_OFF)
    const { valid, redeemables, inapplicable_redeemables } = await validations.validateStackable({
      redeemables: [voucher('nobody'), voucher('TEN')],
      order: { amount: 10000 },
    })
    assert.equal(valid, false)
    assert.deepEqual(redeemables.map(each => each.status), ['INAPPLICABLE', 'SKIPPED'])
    assert.equal(inapplicable_redeemables[0].result.error.key, 'not_found')
    await assert.rejects(
      validations.validateStackable({ redeemables: [voucher('TEN'), voucher('TEN')] }),
      { code: 400, key: 'duplicated_redeemables' },
    )
  },

  async aSession() {
    await coupon('ONE', TEN_OFF, { redemption: { quantity: 1 } })
    const asked = { redeemables: [voucher('ONE')] }
    const { session } = await validations.validateStackable({
      ...asked,
      session: { type: 'LOCK', ttl: 1, ttl_unit: 'HOURS' },
    })
    assert.deepEqual([session.type, session.ttl, session.ttl_unit], ['LOCK', 1, 'HOURS'])
    assert.equal((await validations.validateStackable(asked)).valid, false)
    const mine = await validations.validateStackable({ ...asked, session })
    assert.deepEqual([mine.valid, mine.session.key], [true, session.key])
  },
}

await stories[process.argv[2]]()
