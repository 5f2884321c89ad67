-- A small shop with enough rows to be real.
CREATE TABLE items (
  id integer PRIMARY KEY,
  name text NOT NULL,
  category integer NOT NULL,
  price_cents integer NOT NULL,
  stock integer NOT NULL
);

CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  item_id integer NOT NULL,
  quantity integer NOT NULL,
  placed_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO items
SELECT id, 'Item ' || id, id % 50, 100 + id * 7919 % 20000, 1000000
FROM generate_series(1, 20000) AS id;

INSERT INTO orders (item_id, quantity, placed_at)
SELECT 1 + n * 7919 % 20000, 1 + n % 3, now() - make_interval(secs => (100000 - n) * 20)
FROM generate_series(1, 100000) AS n;

CREATE INDEX items_by_category ON items (category, id);
CREATE INDEX orders_by_time ON orders (placed_at);
ALTER TABLE orders ADD FOREIGN KEY (item_id) REFERENCES items;
ANALYZE;

CREATE FUNCTION list_items(wanted_category integer) RETURNS SETOF items LANGUAGE plpgsql AS $$
BEGIN
  PERFORM storage.read(1);
  RETURN QUERY SELECT * FROM items WHERE category = wanted_category ORDER BY id LIMIT 20;
END $$;

CREATE FUNCTION get_item(wanted_id integer) RETURNS SETOF items LANGUAGE plpgsql AS $$
BEGIN
  PERFORM storage.read(1);
  RETURN QUERY SELECT * FROM items WHERE id = wanted_id;
END $$;

CREATE FUNCTION place_order(wanted_id integer, wanted_quantity integer) RETURNS SETOF orders
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM storage.read(1);
  UPDATE items SET stock = stock - wanted_quantity WHERE id = wanted_id;
  RETURN QUERY
    INSERT INTO orders (item_id, quantity) VALUES (wanted_id, wanted_quantity) RETURNING *;
END $$;

CREATE FUNCTION sales_report(days integer)
RETURNS TABLE (category integer, pieces bigint, cents bigint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM storage.read(3);
  RETURN QUERY
    SELECT i.category, sum(o.quantity), sum(o.quantity * i.price_cents)
    FROM orders AS o JOIN items AS i ON i.id = o.item_id
    WHERE o.placed_at > now() - make_interval(days => days)
    GROUP BY i.category ORDER BY i.category;
END $$;
