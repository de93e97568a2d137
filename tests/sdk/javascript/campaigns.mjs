// Stories of campaigns told with the official JavaScript SDK: `node campaigns.mjs STORY`.
// Each gets a project of its own, whose keys and address are in the environment.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sdk from '@voucherify/sdk'

const { VoucherifyServerSide } = sdk
const { SDK_URL, SDK_APP_ID, SDK_APP_TOKEN } = process.env

const { asyncActions, campaigns, vouchers } = VoucherifyServerSide({
  apiUrl: SDK_URL,
  applicationId: SDK_APP_ID,
  secretKey: SDK_APP_TOKEN,
})

const COUPONS = {
  name: 'C',
  campaign_type: 'DISCOUNT_COUPONS',
  voucher: {
    type: 'DISCOUNT_VOUCHER',
    discount: { type: 'AMOUNT', amount_off: 1000 },
    code_config: { prefix: 'P-' },
  },
}

async function finished({ async_action_id }) {
  for (;;) {
    const action = await asyncActions.get(async_action_id)
    if (['DONE', 'FAILED'].includes(action.status)) return action
    await sleep(50)
  }
}

async function settled(name) {
  for (;;) {
    const campaign = await campaigns.get(name)
    if (campaign.creation_status !== 'IN_PROGRESS') return campaign
    await sleep(50)
  }
}

const stories = {
  async aCampaign() {
    const made = await campaigns.create({ ...COUPONS, vouchers_count: 3 })
    assert.match(made.id, /^camp_[0-9A-Za-z]{24}$/)
    assert.equal(made.creation_status, 'IN_PROGRESS')
    assert.equal((await settled('C')).vouchers_count, 3)
    const changed = await campaigns.update('C', { description: 'new' })
    assert.deepEqual([changed.id, changed.description], [made.id, 'new'])
    assert.deepEqual(await campaigns.disable(made.id), {})
    assert.equal((await campaigns.get('C')).active, false)
    assert.deepEqual(await campaigns.enable('C'), {})
    assert.equal((await finished(await campaigns.delete('C', { force: true }))).status, 'DONE')
    await assert.rejects(campaigns.get('C'), { code: 404 })
  },

  async aList() {
    for (const name of ['A', 'B']) await campaigns.create({ ...COUPONS, name })
    const names = async params => (await campaigns.list(params)).campaigns.map(({ name }) => name)
    assert.deepEqual(await names({}), ['B', 'A'])
    assert.deepEqual(await names({ limit: 1, page: 2 }), ['A'])
    assert.deepEqual(await names({ campaign_type: 'PROMOTION' }), [])
    const filters = { campaigns: { conditions: { $in: ['A'] } } }
    assert.deepEqual(await names({ filters }), ['A'])
  },

  async vouchersOneByOne() {
    await campaigns.create(COUPONS)
    const random = await campaigns.addVoucher('C', { metadata: { a: 1 } })
    assert.match(random.code, /^P-[0-9A-Za-z]{8}$/)
    assert.deepEqual(random.metadata, { a: 1 })
    const named = await campaigns.addCertainVoucher('C', 'CODE', { additional_info: 'x' })
    assert.deepEqual([named.code, named.campaign, named.additional_info], ['CODE', 'C', 'x'])
    await assert.rejects(campaigns.addCertainVoucher('C', 'CODE'), { code: 409 })
    assert.equal((await vouchers.get('CODE')).discount.amount_off, 1000)
  },

  async vouchersByTheDozen() {
    await campaigns.create(COUPONS)
    const accepted = await campaigns.addVoucher('C', {}, { vouchers_count: 12 })
    assert.equal((await finished(accepted)).result.done_count, 12)
    assert.equal((await campaigns.get('C')).vouchers_count, 12)
  },

  async anImport() {
    await campaigns.create(COUPONS)
    await finished(await campaigns.importVouchers('C', [{ code: 'JSON', active: false }]))
    assert.equal((await vouchers.get('JSON')).active, false)
    const folder = await mkdtemp(join(tmpdir(), 'campaigns-'))
    try {
      const file = join(folder, 'codes.csv')
      await writeFile(file, 'Code,Color\nCSV,red\n')
      const action = await finished(await campaigns.importVouchersCSV('C', file))
      assert.equal(action.result.done_count, 1)
    } finally {
      await rm(folder, { recursive: true })
    }
    assert.deepEqual((await vouchers.get('CSV')).metadata, { Color: 'red' })
  },

  async whatIsRefused() {
    await campaigns.create(COUPONS)
    await assert.rejects(campaigns.create(COUPONS), { code: 409, key: 'duplicate_found' })
    const code_config = { pattern: '#', charset: 'ab' }
    const voucher = { ...COUPONS.voucher, code_config }
    await assert.rejects(campaigns.create({ ...COUPONS, name: 'D', voucher, vouchers_count: 3 }), {
      code: 400,
      key: 'invalid_code_config',
    })
  },
}

await stories[process.argv[2]]()
