// Stories told with the official JavaScript SDK: `node customers.mjs STORY`. Each gets a project of
// its own, whose keys and address are in the environment.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sdk from '@voucherify/sdk'

const { VoucherifyClientSide, VoucherifyServerSide } = sdk
const { SDK_URL, SDK_APP_ID, SDK_APP_TOKEN, SDK_CLIENT_APP_ID, SDK_CLIENT_TOKEN } = process.env

const server = (options = {}) =>
  VoucherifyServerSide({
    apiUrl: SDK_URL,
    applicationId: SDK_APP_ID,
    secretKey: SDK_APP_TOKEN,
    ...options,
  })

const browser = (options = {}) =>
  VoucherifyClientSide({
    apiUrl: SDK_URL,
    clientApplicationId: SDK_CLIENT_APP_ID,
    clientSecretKey: SDK_CLIENT_TOKEN,
    origin: 'https://shop.example',
    ...options,
  })

const { customers, asyncActions } = server()
const reversed = list => [...list].reverse()

const BOB = {
  source_id: 'bob',
  name: 'Bob Smith',
  description: 'A frequent customer',
  email: 'bob.smith@email.example',
  phone: '+1 933 222 3333',
  birthdate: '1990-02-28',
  address: { city: 'New York', line_1: '123 Main St.', postal_code: '10001' },
  metadata: { lang: 'en', test: true, nested: { a: [1, null] } },
}

const CSV = `Source_id,Name,Address_city,Loves
ann,"Ann, the 1st",Oslo,tea
bea,,,
`

async function finished({ async_action_id }) {
  for (let tries = 0; tries < 600; tries++) {
    const action = await asyncActions.get(async_action_id)
    if (action.status === 'DONE' || action.status === 'FAILED') return action
    await sleep(50)
  }
  throw new Error(`${async_action_id} did not finish`)
}

/** `count` customers, numbered from `first`, that a bulk job makes at one and the same instant. */
async function makeMany(first, count) {
  const numbers = Array.from({ length: count }, (_, n) => String(first + n).padStart(3, '0'))
  const action = await finished(
    await customers.updateInBulk(numbers.map(number => ({ source_id: number, name: 'Many' }))),
  )
  assert.equal(action.result.done_count, count)
  return numbers
}

async function scrolled(params) {
  const seen = []
  for await (const customer of customers.scroll(params)) seen.push(customer.source_id)
  return seen
}

const stories = {
  async createAndGet() {
    const created = await customers.create(BOB)
    assert.match(created.id, /^cust_[0-9A-Za-z]{24}$/)
    assert.match(created.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    const { id, created_at, ...rest } = created
    assert.deepEqual(rest, {
      ...BOB,
      summary: {
        redemptions: {
          total_redeemed: 0,
          total_failed: 0,
          total_succeeded: 0,
          total_rolled_back: 0,
          total_rollback_failed: 0,
          total_rollback_succeeded: 0,
          gift: { redeemed_amount: 0, amount_to_go: 0 },
          loyalty_card: { redeemed_points: 0, points_to_go: 0 },
        },
        orders: { total_amount: 0, total_count: 0, average_amount: 0, last_order_amount: 0 },
      },
      loyalty: { points: 0, referred_customers: 0, campaigns: {} },
      referrals: { total: 0, campaigns: [] },
      system_metadata: {},
      object: 'customer',
    })
    assert.deepEqual(await customers.get(id), created)
    assert.deepEqual(await customers.get('bob'), created)
    const again = await customers.create({ source_id: 'bob', name: 'Robert' })
    assert.deepEqual([again.id, again.name, again.phone], [id, 'Robert', '+1 933 222 3333'])
  },

  async update() {
    const { id } = await customers.create(BOB)
    const byId = await customers.update({
      id,
      phone: null,
      address: { city: 'Boston', line_1: null },
      metadata: { lang: null, test: false },
    })
    assert.equal(byId.phone, BOB.phone)
    assert.deepEqual(byId.address, { ...BOB.address, city: 'Boston' })
    assert.deepEqual(byId.metadata, { test: false, nested: { a: [1, null] } })
    assert.ok(byId.updated_at >= byId.created_at)
    const bySourceId = await customers.update({ source_id: 'bob', name: 'Rob', address: null })
    assert.deepEqual([bySourceId.id, bySourceId.name, bySourceId.address], [id, 'Rob', null])
  },

  async remove() {
    const { id } = await customers.create({ source_id: 'a/b ö?' })
    assert.equal((await customers.get('a/b ö?')).id, id)
    await customers.delete('a/b ö?')
    await assert.rejects(customers.get(id), { code: 404, key: 'not_found' })
    await customers.create({ source_id: 'ann' })
    const gone = await customers.deletePermanently('ann')
    assert.deepEqual([gone.status, gone.data_json.customer], ['DONE', 1])
    assert.deepEqual(await scrolled({}), [])
  },

  async list() {
    for (const [source_id, city] of [['a', 'Oslo'], ['b', 'Bergen'], ['c', 'Oslo']]) {
      await customers.create({ source_id, name: 'One', address: { city } })
      await sleep(3)
    }
    const names = async params => (await customers.list(params)).customers.map(c => c.source_id)
    assert.deepEqual(await names(), ['c', 'b', 'a'])
    assert.deepEqual(await names({ order: 'created_at' }), ['a', 'b', 'c'])
    assert.deepEqual(await names({ city: 'Oslo' }), ['c', 'a'])
    assert.deepEqual(await names({ name: 'One', page: 2, limit: 2 }), ['a'])
    const page = await customers.list({ limit: 2 })
    assert.deepEqual([page.object, page.data_ref, page.total, page.has_more],
      ['list', 'customers', 3, true])
    const starting_after = new Date(page.customers[1].created_at)
    assert.deepEqual(await names({ starting_after }), ['a'])
  },

  async scroll() {
    const all = []
    for (let n = 0; n < 7; n++) {
      all.push(`single ${n}`)
      await customers.create({ source_id: all.at(-1) })
      await sleep(3)
    }
    assert.deepEqual(await scrolled({ limit: 3, order: 'created_at' }), all)
    assert.deepEqual(await scrolled({ limit: 3 }), reversed(all))
    assert.deepEqual(await scrolled({ limit: 1, order: '-created_at' }), reversed(all))
    const { created_at } = await customers.get('single 4')
    assert.deepEqual(await scrolled({ limit: 2, starting_after: created_at }),
      reversed(all.slice(0, 4)))
  },

  /** The SDK's cursor is a time, so customers who share theirs must not fall between two pages. */
  async scrollOverSharedTimestamps() {
    await customers.create({ source_id: 'first' })
    const all = ['first', ...(await makeMany(0, 40)), ...(await makeMany(40, 40))]
    await customers.create({ source_id: 'last' })
    all.push('last')
    for (const order of ['created_at', '-created_at', undefined]) {
      for (const limit of [1, 7, 39, 40, 41, 100]) {
        const seen = await scrolled({ limit, order })
        assert.deepEqual([...seen].sort(), [...all].sort(), `order ${order}, limit ${limit}`)
        const ends = [seen[0], seen.at(-1)]
        assert.deepEqual(ends, order === 'created_at' ? ['first', 'last'] : ['last', 'first'])
      }
    }
  },

  async updateInBulk() {
    await customers.create({ source_id: 'ann', name: 'Ann', metadata: { a: 1 } })
    const action = await finished(
      await customers.updateInBulk([
        { source_id: 'ann', metadata: { b: 2 } },
        { source_id: 'bea', name: 'Bea' },
        { source_id: 'cleo', birthdate: '2022-13-45' },
      ]),
    )
    assert.deepEqual([action.type, action.status, action.progress],
      ['CUSTOMERS.BULK_UPDATE', 'DONE', 100])
    assert.deepEqual([action.result.done_count, action.result.failed_count], [2, 1])
    assert.equal(action.result.errors[0].source_id, 'cleo')
    assert.deepEqual((await customers.get('ann')).metadata, { a: 1, b: 2 })
    assert.equal((await customers.get('bea')).name, 'Bea')
    await finished(
      await customers.updateMetadataInBulk({ source_ids: ['ann', 'dora'], metadata: { c: 3 } }),
    )
    assert.deepEqual((await customers.get('ann')).metadata, { a: 1, b: 2, c: 3 })
    assert.deepEqual((await customers.get('dora')).metadata, { c: 3 })
    const { async_actions } = await asyncActions.list({ limit: 10 })
    assert.deepEqual(async_actions.map(({ type }) => type),
      ['CUSTOMERS.METADATA_UPDATE', 'CUSTOMERS.BULK_UPDATE'])
  },

  async importCSV() {
    const folder = await mkdtemp(join(tmpdir(), 'largesse-'))
    try {
      const file = join(folder, 'customers.csv')
      await writeFile(file, CSV)
      const action = await finished(await customers.importCSV(file))
      assert.deepEqual([action.type, action.status], ['CUSTOMERS.IMPORT_CSV', 'DONE'])
      assert.deepEqual([action.result.done_count, action.result.failed_count], [2, 0])
    } finally {
      await rm(folder, { recursive: true })
    }
    const ann = await customers.get('ann')
    assert.deepEqual([ann.name, ann.address, ann.metadata],
      ['Ann, the 1st', { city: 'Oslo' }, { Loves: 'tea' }])
    assert.equal((await customers.get('bea')).address, null)
  },

  async listActivity() {
    const { id } = await customers.create({ source_id: 'ann', name: 'Ann' })
    await sleep(3)
    await customers.update({ id, name: 'Anna' })
    const newest = await customers.listActivity('ann')
    assert.deepEqual(newest.data.map(({ type }) => type), ['customer.updated', 'customer.created'])
    assert.equal(newest.data[0].data.customer.name, 'Anna')
    assert.equal(newest.has_more, false)
    const page = await customers.listActivity(id, { limit: 1, order: 'created_at' })
    assert.deepEqual(page.data.map(({ type }) => type), ['customer.created'])
    assert.deepEqual([page.has_more, page.more_starting_after], [true, page.data[0].id])
    const rest = await customers.listActivity(id, {
      order: 'created_at',
      starting_after_id: page.more_starting_after,
    })
    assert.deepEqual(rest.data.map(({ type }) => type), ['customer.updated'])
    const updates = await customers.listActivity('ann', { type: 'customer.updated' })
    assert.equal(updates.data.length, 1)
    assert.deepEqual((await customers.listActivity('ann', { category: 'EFFECT' })).data, [])
    assert.equal((await customers.listActivities('ann', { limit: 1 })).total, 2)
  },

  async listRedeemables() {
    await customers.create({ source_id: 'ann' })
    const filters = {
      junction: 'or',
      holder_role: { conditions: { $in: ['OWNER', 'REFEREE'] } },
      created_at: { conditions: { $after: '2026-01-01T00:00:00Z' } },
      campaign_id: { conditions: { $has_value: '' } },
    }
    for (const params of [undefined, { order: '-id', limit: 5 }, { filters }]) {
      const { object, data_ref, data, total } = await customers.listRedeemables('ann', params)
      assert.deepEqual({ object, data_ref, data, total },
        { object: 'list', data_ref: 'data', data: [], total: 0 })
    }
    const unknown = { colour: { conditions: { $in: ['red'] } } }
    await assert.rejects(customers.listRedeemables('ann', { filters: unknown }),
      { code: 400, key: 'invalid_query_params' })
  },

  async errors() {
    await assert.rejects(customers.get('nobody'), {
      code: 404,
      key: 'not_found',
      message: 'Resource not found',
      details: 'Cannot find customer with id nobody',
      resource_id: 'nobody',
      resource_type: 'customer',
    })
    await assert.rejects(customers.create({ source_id: 'ann', birthdate: '2022-13-45' }), {
      code: 400,
      key: 'invalid_payload',
      details: 'Property .birthdate cannot be recognized as a ISO-8601 compliant date',
    })
    await assert.rejects(customers.list({ limit: 101 }), { code: 400, key: 'invalid_query_params' })
    await assert.rejects(customers.list({ page: 1001 }), { code: 400, key: 'page_over_limit' })
    await assert.rejects(server({ secretKey: 'wrong' }).customers.list(),
      { code: 401, key: 'unauthorized' })
    try {
      await customers.get('nobody')
    } catch (error) {
      assert.match(error.request_id, /^v-[0-9a-f]{18}$/)
    }
  },

  async limitsAndHeaders() {
    const voucherify = server({ apiVersion: 'v2018-08-01', channel: 'tests' })
    await voucherify.customers.list()
    assert.ok(voucherify.apiLimitsHandler.areLimitsAvailable())
    assert.ok(voucherify.apiLimitsHandler.getRateLimit() > 1_000_000)
    assert.ok(voucherify.apiLimitsHandler.getRateLimitRemaining() > 1_000_000)
  },

  async createFromABrowser() {
    const made = await browser().createCustomer({ source_id: 'ann', name: 'Ann' })
    assert.deepEqual([made.source_id, made.name, made.object], ['ann', 'Ann', 'customer'])
    assert.equal((await customers.get('ann')).id, made.id)
    const again = await browser().createCustomer({ source_id: 'ann', phone: '1' }, true)
    assert.deepEqual([again.id, again.name, again.phone], [made.id, 'Ann', '1'])
    await assert.rejects(
      browser({ origin: 'https://elsewhere.example' }).createCustomer({ source_id: 'bea' }),
      { code: 403, key: 'forbidden' },
    )
    await assert.rejects(
      browser({ clientSecretKey: 'wrong' }).createCustomer({ source_id: 'bea' }),
      { code: 401, key: 'unauthorized' },
    )
    assert.deepEqual(await scrolled({}), ['ann'])
  },
}

await stories[process.argv[2]]()
