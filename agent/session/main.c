/* signet-session */
int main(void)
{
	return 2;
}
