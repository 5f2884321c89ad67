-- The scarce thing that every query needs: a few slots, each held for a while. Ten times longer, and
-- the database is ten times slower. Advisory locks belong to one database, so two shops that live
-- in two databases of the same server never wait for each other.
CREATE SCHEMA storage;

CREATE TABLE storage.settings (
  slots integer NOT NULL,
  hold_ms double precision NOT NULL,
  -- This part of the queries holds its slot this many times longer than the others.
  heavy_ratio double precision NOT NULL,
  heavy_factor double precision NOT NULL
);

CREATE SEQUENCE storage.turn;

-- Takes a slot until the end of the transaction and holds it `cost` times as long as set.
-- Nobody overtakes: a slot that somebody waits for counts as taken when it is only tried.
CREATE FUNCTION storage.read(cost double precision) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  slot_count integer;
  found_free boolean := false;
BEGIN
  SELECT slots INTO slot_count FROM storage.settings;
  FOR slot IN 1..slot_count LOOP
    found_free := pg_try_advisory_xact_lock(slot);
    EXIT WHEN found_free;
  END LOOP;
  IF NOT found_free THEN
    PERFORM pg_advisory_xact_lock(1 + nextval('storage.turn') % slot_count);
  END IF;
  PERFORM pg_sleep(
    hold_ms * cost / 1000 * CASE WHEN random() < heavy_ratio THEN heavy_factor ELSE 1 END
  ) FROM storage.settings;
END $$;
