// Stories of vouchers told with the official JavaScript SDK: `node vouchers.mjs STORY`. Each gets a
// project of its own, whose keys and address are in the environment.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sdk from '@voucherify/sdk'

const { SDK_URL, SDK_APP_ID, SDK_APP_TOKEN } = process.env

const { asyncActions, customers, vouchers } = sdk.VoucherifyServerSide({
  apiUrl: SDK_URL,
  applicationId: SDK_APP_ID,
  secretKey: SDK_APP_TOKEN,
})

const TEN_OFF = { type: 'DISCOUNT_VOUCHER', discount: { type: 'AMOUNT', amount_off: 1000 } }
const GIFT = { type: 'GIFT_VOUCHER', gift: { amount: 10000 } }

async function finished({ async_action_id }) {
  for (let tries = 0; tries < 600; tries++) {
    const action = await asyncActions.get(async_action_id)
    if (action.status === 'DONE' || action.status === 'FAILED') return action
    await sleep(50)
  }
  throw new Error(`${async_action_id} did not finish`)
}

const codes = async params => (await vouchers.list(params)).vouchers.map(({ code }) => code)

const stories = {
  async aVoucher() {
    const created = await vouchers.create({ code: 'a/b ö?', ...TEN_OFF, metadata: { a: 1 } })
    assert.match(created.id, /^v_[0-9A-Za-z]{32}$/)
    assert.deepEqual([created.code, created.active, created.campaign], ['a/b ö?', true, null])
    assert.deepEqual(await vouchers.get('a/b ö?'), created)
    const changed = await vouchers.update({ code: 'a/b ö?', metadata: { a: null, b: [1] } })
    assert.deepEqual([changed.id, changed.metadata], [created.id, { b: [1] }])
    assert.equal((await vouchers.disable('a/b ö?')).active, false)
    assert.equal((await vouchers.enable(created.id)).active, true)
    await assert.rejects(vouchers.create({ code: 'a/b ö?', ...GIFT }), {
      code: 409,
      key: 'duplicate_found',
    })
    await vouchers.delete('a/b ö?')
    await assert.rejects(vouchers.get('a/b ö?'), { code: 404, resource_type: 'voucher' })
    await assert.rejects(vouchers.create({ code: 'a/b ö?', ...GIFT }), { code: 409 })
    await vouchers.create({ code: 'gone', ...GIFT })
    await vouchers.delete('gone', { force: true })
    await vouchers.create({ code: 'gone', ...GIFT })
  },

  async aPicture() {
    const { assets } = await vouchers.create({ code: 'a', ...TEN_OFF })
    for (const { url } of [assets.qr, assets.barcode]) {
      const answer = await fetch(url)
      assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'image/png'])
    }
  },

  async aCard() {
    await vouchers.create({ code: 'card', ...GIFT })
    const balance = await vouchers.balance.create('card', { amount: 500, source_id: 's' })
    assert.deepEqual([balance.amount, balance.total, balance.balance], [500, 10500, 10500])
    await vouchers.balance.create('card', { amount: -1500 })
    assert.equal((await vouchers.get('card')).gift.balance, 9000)
    await assert.rejects(vouchers.balance.create('card', { amount: -9001 }), { code: 400 })
    const first = await vouchers.listTransactions('card', { limit: 1 })
    assert.deepEqual([first.has_more, first.data[0].type], [true, 'CREDITS_REMOVAL'])
    const { data } = await vouchers.listTransactions('card', {
      starting_after_id: first.more_starting_after,
    })
    assert.deepEqual(data.map(({ source_id }) => source_id), ['s'])
    const { exported_object, status } = await vouchers.exportTransactions('card', {
      parameters: { order: '-created_at', fields: ['id', 'amount'] },
    })
    assert.deepEqual([exported_object, status], ['voucher_transactions', 'SCHEDULED'])
  },

  async lists() {
    await customers.create({ source_id: 'bob' })
    const { id } = await vouchers.create({ code: 'a', ...TEN_OFF, metadata: { n: 1 } })
    await sleep(3)
    await vouchers.create({ code: 'b', ...GIFT, active: false })
    assert.deepEqual(await codes(), ['b', 'a'])
    assert.deepEqual(await codes({ order: 'code', limit: 1, page: 2 }), ['b'])
    assert.deepEqual(await codes({ code: 'a' }), ['a'])
    assert.deepEqual(await codes({ ids: [id] }), ['a'])
    assert.deepEqual(await codes({ customer: 'bob' }), [])
    assert.deepEqual(await codes({ created_at: { before: '2020-01-01' } }), [])
    assert.deepEqual(await codes({ created_at: { after: '2020-01-01' } }), ['b', 'a'])
    const enabled = { active: { conditions: { $enabled: 'true' } } }
    assert.deepEqual(await codes({ filters: enabled }), ['a'])
    const first = { 'metadata.n': { conditions: { $in: ['1', '2'] } } }
    assert.deepEqual(await codes({ filters: first }), ['a'])
  },

  async many() {
    const rows = [{ code: 'one', ...TEN_OFF }, { code: 'two', ...GIFT }]
    const { result, type } = await finished(await vouchers.import(rows))
    assert.deepEqual([type, result.done_count], ['VOUCHERS.IMPORT', 2])
    await assert.rejects(vouchers.import(rows), { code: 400, key: 'duplicate_key' })
    await finished(await vouchers.bulkUpdate([{ code: 'one', metadata: { x: 1 } }]))
    await finished(
      await vouchers.bulkUpdateMetadata({ codes: ['one', 'two'], metadata: { y: true } }),
    )
    assert.deepEqual((await vouchers.get('one')).metadata, { x: 1, y: true })
    const folder = await mkdtemp(join(tmpdir(), 'largesse-'))
    try {
      const file = join(folder, 'vouchers.csv')
      await writeFile(file, 'Code,Voucher Type,Value,Region\nthree,GIFT_VOUCHER,5,EU\n')
      await finished(await vouchers.importCSV(file))
    } finally {
      await rm(folder, { recursive: true })
    }
    const { gift, metadata } = await vouchers.get('three')
    assert.deepEqual([gift.balance, metadata], [500, { Region: 'EU' }])
  },
}

await stories[process.argv[2]]()
