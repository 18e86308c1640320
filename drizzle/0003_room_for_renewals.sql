-- Rows of live sessions are rewritten again and again by renewals of their leases: with room in the page the new
-- version stays beside the old one and no index is touched.
ALTER TABLE "sessions" SET (fillfactor = 70);
