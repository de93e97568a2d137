// Stories of a shop's own data told with the official JavaScript SDK: `node products.mjs STORY`.
// Each gets a project of its own, whose keys and address are in the environment.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sdk from '@voucherify/sdk'

const { VoucherifyClientSide, VoucherifyServerSide } = sdk
const { SDK_URL, SDK_APP_ID, SDK_APP_TOKEN, SDK_CLIENT_APP_ID, SDK_CLIENT_TOKEN } = process.env

const server = VoucherifyServerSide({
  apiUrl: SDK_URL,
  applicationId: SDK_APP_ID,
  secretKey: SDK_APP_TOKEN,
})
const browser = VoucherifyClientSide({
  apiUrl: SDK_URL,
  clientApplicationId: SDK_CLIENT_APP_ID,
  clientSecretKey: SDK_CLIENT_TOKEN,
  origin: 'https://shop.example',
})
const { asyncActions, customers, events, orders, productCollections, products, segments } = server

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const PHONE = {
  source_id: 'phone',
  name: 'Samsung Phone',
  price: 200000,
  attributes: ['color', 'memory'],
  metadata: { test: true, tags: ['a', null] },
  image_url: 'https://images.example/phone.png',
}
const BLACK = {
  source_id: 'black',
  sku: 'Phone, black',
  price: 210000,
  currency: 'USD',
  attributes: { color: 'black' },
  image_url: null,
  metadata: { imported: true },
}

async function finished({ async_action_id }) {
  for (let tries = 0; tries < 600; tries++) {
    const action = await asyncActions.get(async_action_id)
    if (action.status === 'DONE' || action.status === 'FAILED') return action
    await sleep(50)
  }
  throw new Error(`${async_action_id} did not finish`)
}

const summary = async customer => (await customers.get(customer)).summary.orders

const stories = {
  async aProduct() {
    const created = await products.create(PHONE)
    const { id, created_at, ...rest } = created
    assert.match(id, /^prod_[0-9a-f]{18}$/)
    assert.match(created_at, TIME)
    assert.deepEqual(rest, { ...PHONE, updated_at: null, object: 'product' })
    const none = { object: 'list', data_ref: 'data', data: [], total: 0 }
    assert.deepEqual(await products.get('phone'), { ...created, skus: none })
    const changed = await products.update({ source_id: 'phone', price: 5, name: null })
    assert.deepEqual([changed.id, changed.price, changed.name], [id, 5, PHONE.name])
    assert.equal((await products.update({ id, name: 'New' })).source_id, 'phone')
    await products.delete('phone')
    await assert.rejects(products.get(id), { code: 404, key: 'not_found', resource_id: id })
    await assert.rejects(products.create(PHONE), { code: 409, key: 'duplicate_found' })
    await products.create({ source_id: 'a/b ö?' })
    await products.delete('a/b ö?', { force: true })
    await products.create({ source_id: 'a/b ö?' })
    await sleep(3)
    await products.create({ source_id: 'second' })
    const list = await products.list({ limit: 1, order: '-created_at' })
    assert.deepEqual([list.total, list.products[0].source_id], [2, 'second'])
  },

  async aSku() {
    const { id: product_id } = await products.create(PHONE)
    const created = await products.createSku('phone', BLACK)
    const { id, created_at, ...rest } = created
    assert.match(id, /^sku_[0-9a-f]{18}$/)
    assert.match(created_at, TIME)
    assert.deepEqual(rest, { ...BLACK, product_id, updated_at: null, object: 'sku' })
    assert.deepEqual(await products.getSku('black'), created)
    const changed = await products.updateSku('phone', { source_id: 'black', price: 1 })
    assert.deepEqual([changed.id, changed.price, changed.sku], [id, 1, BLACK.sku])
    const { data_ref, skus, total } = await products.listSkus('phone')
    assert.deepEqual([data_ref, skus, total], ['skus', [changed], 1])
    await products.deleteSku('phone', 'black', { force: true })
    await assert.rejects(products.getSku('black'), { code: 404, resource_type: 'sku' })
  },

  async manyProducts() {
    await products.create(PHONE)
    const action = await finished(
      await products.bulkUpdate([
        { source_id: 'phone', price: 3 },
        { source_id: 'new', name: 'New' },
        { source_id: 'wrong', price: -1 },
      ]),
    )
    assert.deepEqual([action.type, action.result.done_count, action.result.failed_count],
      ['PRODUCTS.BULK_UPDATE', 2, 1])
    await finished(
      await products.bulkUpdateMetadata({ source_ids: ['phone', 'newer'], metadata: { a: 1 } }),
    )
    assert.deepEqual((await products.get('phone')).metadata, { ...PHONE.metadata, a: 1 })
    assert.deepEqual((await products.get('newer')).metadata, { a: 1 })
  },

  async files() {
    const folder = await mkdtemp(join(tmpdir(), 'largesse-'))
    try {
      const goods = join(folder, 'products.csv')
      await writeFile(goods, 'name,source_id,price,Fashion\nT-Shirt,shirt,21,slim\n')
      const skus = join(folder, 'skus.csv')
      await writeFile(skus, 'product_id,sku,source_id,attributes\nshirt,Red,red,"{\'a\':1}"\n')
      assert.equal((await finished(await products.importCSV(goods))).result.done_count, 1)
      assert.equal((await finished(await products.importSkusCSV(skus))).result.done_count, 1)
    } finally {
      await rm(folder, { recursive: true })
    }
    const shirt = await products.get('shirt')
    assert.deepEqual([shirt.name, shirt.metadata], ['T-Shirt', { Fashion: 'slim' }])
    assert.deepEqual(shirt.skus.data[0].attributes, { a: 1 })
  },

  async collections() {
    const { id } = await products.create(PHONE)
    const picked = [{ id, object: 'product' }]
    const fixed = await productCollections.create({
      type: 'STATIC',
      name: 'Phones',
      products: picked,
    })
    assert.deepEqual(fixed.products, picked)
    const filter = { junction: 'and', price: { conditions: { $more_than: [5000] } } }
    const dear = await productCollections.create({ type: 'AUTO_UPDATE', name: 'Dear', filter })
    assert.deepEqual(await productCollections.get(dear.id), dear)
    assert.equal((await productCollections.list({ limit: 1 })).total, 2)
    for (const collection of [fixed, dear]) {
      const { data, total } = await productCollections.listProducts(collection.id, { limit: 5 })
      assert.deepEqual([data.map(item => item.source_id), total], [['phone'], 1])
      await productCollections.delete(collection.id)
    }
    await assert.rejects(productCollections.get(dear.id), { resource_type: 'products_collection' })
  },

  async anOrder() {
    const shirt = await products.create({ source_id: 'shirt', name: 'T-Shirt', price: 1500 })
    const created = await orders.create({
      source_id: 'first',
      status: 'CREATED',
      customer: { source_id: 'ann', name: 'Ann' },
      items: [
        { source_id: 'shirt', quantity: 2, price: 1500, related_object: 'product' },
        { product: { name: 'Unknown', price: 500 }, quantity: 1 },
      ],
      metadata: { gift: true },
    })
    assert.match(created.id, /^ord_[0-9A-Za-z]{24}$/)
    assert.deepEqual([created.object, created.amount, created.total_amount], ['order', 3500, 3500])
    assert.deepEqual([created.items.length, created.items[0].object], [2, 'order_item'])
    assert.equal(created.items[0].product.id, shirt.id)
    assert.deepEqual(created.metadata, { gift: true })
    const { id: ann } = await customers.get('ann')
    assert.equal(created.customer.id, ann)
    assert.deepEqual(await orders.get('first'), created)
    assert.equal((await summary('ann')).total_count, 0)
    const paid = await orders.update({ id: created.id, status: 'PAID' })
    assert.deepEqual([paid.status, paid.amount, paid.items.length], ['PAID', 3500, 2])
    const { total_amount, total_count, average_amount, last_order_amount } = await summary('ann')
    assert.deepEqual([total_amount, total_count, average_amount, last_order_amount],
      [3500, 1, 3500, 3500])
    await orders.update({ source_id: 'first', status: 'CANCELED' })
    assert.equal((await summary('ann')).total_count, 0)
    await sleep(3)
    await orders.create({ source_id: 'second', amount: 100 })
    const list = await orders.list({ limit: 1 })
    assert.deepEqual([list.data_ref, list.total, list.orders[0].source_id], ['orders', 2, 'second'])
    await assert.rejects(orders.get('third'), { code: 404, resource_type: 'order' })
    await assert.rejects(orders.create({ amount: -1 }), { code: 400 })
  },

  async importedOrders() {
    const accepted = await orders.import([
      { source_id: 'a', status: 'PAID', amount: 100, customer: { source_id: 'ann' } },
      { source_id: 'b', status: 'PAID', amount: 300, customer: { source_id: 'ann' } },
    ])
    const action = await finished(accepted)
    assert.deepEqual([action.type, action.result.done_count], ['ORDERS.IMPORT', 2])
    assert.deepEqual((await summary('ann')).total_amount, 400)
  },

  async anEvent() {
    const customer = { source_id: 'ann', name: 'Ann' }
    const told = await events.create('checkout', { customer, metadata: { page: 3 } })
    assert.deepEqual([told.object, told.type, told.customer.source_id], ['event', 'checkout', 'ann'])
    const tracked = await browser.track('viewed', { source_id: 'bea' }, { page: 4 })
    assert.equal(tracked.customer.source_id, 'bea')
    const { data } = await customers.listActivity('ann')
    assert.deepEqual(data.map(({ type }) => type).sort(), ['customer.created', 'customer.custom_event'])
  },

  async aSegment() {
    await customers.create({ source_id: 'ann', name: 'Ann' })
    const { id: bea } = await customers.create({ source_id: 'bea', name: 'Bea' })
    const fixed = await segments.create({ type: 'static', name: 'Two', customers: [bea] })
    assert.match(fixed.id, /^seg_[0-9A-Za-z]{24}$/)
    const filter = { junction: 'and', name: { conditions: { $is: ['Ann'] } } }
    const named = await segments.create({ type: 'auto-update', name: 'Anns', filter })
    const found = await segments.get(named.id)
    assert.deepEqual([found.name, found.filter], ['Anns', filter])
    await customers.create({ source_id: 'cleo', name: 'Ann' })
    const ids = async source_id => (await segments.list(source_id)).data.map(({ id }) => id)
    assert.deepEqual(await ids('bea'), [fixed.id])
    assert.deepEqual(await ids('cleo'), [named.id])
    await segments.delete(named.id)
    await assert.rejects(segments.get(named.id), { code: 404 })
    assert.deepEqual(await ids('cleo'), [])
  },
}

await stories[process.argv[2]]()
